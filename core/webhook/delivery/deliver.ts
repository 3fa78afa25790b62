import type postgres from "postgres";
import { type ClaimLease, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import { feedSinks, type SinkDeps } from "../../event-sink/feed.ts";
import { inventedName } from "../../media/filename.ts";
import { servedAs } from "../../media/served.ts";
import type { FileLink } from "../body/context.ts";
import { parseEvent, type WebhookEvent } from "../body/event.ts";
import { webhookBody } from "../body/index.ts";
import { type Budget, runBatch, startBudget, type WebhookDeps } from "./batch.ts";
import { openBacklogs, recordBatchResult, withoutBacklog } from "./circuit-breaker.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";
import { type Endpoint, hasUrl, loadEndpoints, type Target } from "./endpoint.ts";
import { withoutTurn } from "./pace.ts";
import { Recorder } from "./record.ts";
import { sealBody } from "./sealed-body.ts";

/** A record of the event queue. */
export interface EventRecord {
  id: string;
  body: string;
}

/** How much longer than the batch its claims last, in milliseconds, so that no other worker takes its deliveries. */
const claimMarginMs = 30_000;

export type DeliverDeps = WebhookDeps & SinkDeps;

export interface DeliverOptions {
  budgetMs: number;
  /**
   * Called with the ids of an instance's records when its deliveries are attempted or stored, so that SQS no longer
   * needs the records. Other instances of the batch may take longer.
   */
  onDone?: (recordIds: string[]) => void;
}

/**
 * Maximum number of events per instance that a batch sends to an event queue, because the next batch of the instance
 * waits for this one. `feedDueSinks` sends the rest.
 */
const maxSinkEvents = 500;

type Incoming = { record: EventRecord; event: WebhookEvent };
type Prepared = { id: string; event: WebhookEvent; body: string; endpoint: Target };

/**
 * Delivers events to webhook endpoints and to event queues.
 *
 * Stores one delivery per event and attempts it at once: instances in parallel, the events of one instance in order.
 * Failed deliveries wait in the database for `retryDeliveries`. Deliveries to an endpoint that is slow or has a
 * backlog join the backlog, so that they occupy no worker here. If SQS delivers an event again, the event gets no second
 * delivery. If the worker that had the event has died, this worker continues with its delivery. At the same time, events
 * are sent from the event log to event queues. Neither part depends on the other.
 *
 * Returns the ids of the records that SQS must deliver again: records that are not events (they end in the dead-letter
 * queue), and records that failed for an internal reason, with all later records of the same instance.
 */
export async function deliverEvents(
  deps: DeliverDeps,
  records: readonly EventRecord[],
  options: DeliverOptions,
): Promise<Set<string>> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const failed = new Set<string>();
  const byInstance = groupByInstance(deps, records, failed);
  const fail = (incoming: readonly Incoming[]) => {
    for (const { record } of incoming) failed.add(record.id);
  };
  let feeding: Promise<void> | undefined;
  try {
    const now = deps.clock.now();
    const endpoints = await loadEndpoints(deps.db, deps.vault, [...byInstance.keys()]);
    feeding = feedQueues(deps, endpoints, options.budgetMs);
    const prepared: Prepared[] = [];
    for (const [id, incoming] of byInstance) prepared.push(...(await prepare(deps, endpoints.get(id), incoming, fail)));
    const isDone = reportDone(byInstance, failed, options.onDone);
    const withDelivery = new Set(prepared.map(({ event }) => event.instanceId));
    for (const id of byInstance.keys()) if (!withDelivery.has(id)) isDone(id);
    const ends = new Date(now.getTime() + options.budgetMs);
    if (prepared.length > 0) await deliver(deps, prepared, { ends, budgetMs: options.budgetMs - elapsed(), isDone });
  } catch (error) {
    deps.log.error({ err: error, records: records.length }, "can't deliver a batch of events");
    for (const incoming of byInstance.values()) fail(incoming);
  }
  await feeding;
  return failed;
}

/** Returns a function that reports the records of an instance as done, except those that failed. */
function reportDone(
  byInstance: ReadonlyMap<string, Incoming[]>,
  failed: ReadonlySet<string>,
  onDone: DeliverOptions["onDone"],
): (instanceId: string) => void {
  return (instanceId) => {
    const ids = (byInstance.get(instanceId) ?? []).map(({ record }) => record.id).filter((id) => !failed.has(id));
    if (ids.length > 0) onDone?.(ids);
  };
}

/** Sends events to event queues. Never throws. `feedDueSinks` sends the events that are not sent now. */
async function feedQueues(deps: DeliverDeps, endpoints: Map<string, Endpoint | Error>, budgetMs: number) {
  const withQueue = [...endpoints].filter(([, endpoint]) => !(endpoint instanceof Error) && endpoint.hasQueue);
  const instanceIds = withQueue.map(([instanceId]) => instanceId);
  if (instanceIds.length > 0) await feedSinks(deps, instanceIds, { budgetMs, maxEvents: maxSinkEvents });
}

/** Groups records by instance, in the order of their events. Adds records that are not events to `failed`. */
function groupByInstance(deps: WebhookDeps, records: readonly EventRecord[], failed: Set<string>) {
  const byInstance = new Map<string, Incoming[]>();
  for (const record of records) {
    try {
      const event = parseEvent(record.body);
      const known = byInstance.get(event.instanceId);
      if (known) known.push({ record, event });
      else byInstance.set(event.instanceId, [{ record, event }]);
    } catch (error) {
      deps.log.error({ err: error, record: record.id }, "a record of the event queue is not an event");
      failed.add(record.id);
    }
  }
  for (const incoming of byInstance.values()) incoming.sort((a, b) => a.event.seq - b.event.seq);
  return byInstance;
}

async function prepare(
  deps: WebhookDeps,
  endpoint: Endpoint | Error | undefined,
  incoming: readonly Incoming[],
  fail: (incoming: readonly Incoming[]) => void,
): Promise<Prepared[]> {
  if (endpoint instanceof Error) {
    deps.log.error({ err: endpoint }, "can't deliver the webhooks of an instance");
    fail(incoming);
    return [];
  }
  if (!hasUrl(endpoint)) return [];
  const prepared: Prepared[] = [];
  for (const [index, { event }] of incoming.entries()) {
    try {
      const body = webhookBody(event, endpoint, await linkTo(deps, event));
      if (body !== null) prepared.push({ id: deps.ids.uuid(), event, body, endpoint });
    } catch (error) {
      const { id: eventId, instanceId, correlationId } = event;
      deps.log.error({ err: error, correlationId, instanceId, eventId }, "can't build a webhook body");
      fail(incoming.slice(index));
      break;
    }
  }
  return prepared;
}

/** How long the link to a file works, in seconds. */
const linkSeconds = 6 * 60 * 60;

/**
 * Returns the link to the file of a message. The body of a delivery never changes, so a retry has the link of the first
 * attempt. On AWS, the link may expire earlier, together with the credentials of the function.
 */
async function linkTo(deps: WebhookDeps, event: WebhookEvent): Promise<FileLink | null> {
  const media =
    event.type === "message.received" || event.type === "message.sent" || event.type === "status.received"
      ? event.data.media
      : null;
  if (!media) return null;
  const expires = new Date(deps.clock.now().getTime() + linkSeconds * 1000);
  const filename = media.filename || inventedName(event.id, media.mimetype);
  const served = servedAs("inline", media.mimetype, filename);
  return {
    url: await deps.storage.presign(media.storageKey, linkSeconds, served),
    urlExpiresAt: expires.toISOString(),
  };
}

interface Batch {
  /** When this batch has ended at the latest. */
  ends: Date;
  budgetMs: number;
  /** Called when the deliveries of an instance are stored, and attempted unless they wait in a backlog. */
  isDone: (instanceId: string) => void;
}

/** Stores the deliveries and attempts those that no other worker has, under one lease. */
function deliver(deps: DeliverDeps, prepared: readonly Prepared[], { ends, budgetMs, isDone }: Batch): Promise<void> {
  const claimedUntil = new Date(ends.getTime() + claimMarginMs);
  return deps.claims.hold(async (lease) => {
    const budget = startBudget(budgetMs, lease);
    const stored = await store(deps, prepared, lease, claimedUntil);
    const fresh = prepared.filter(({ id }) => stored.has(id)).map(toFresh);
    const resumed = stored.size < prepared.length ? await resume(deps, prepared, lease, claimedUntil) : [];
    const toAttempt = [...fresh, ...resumed];
    const attempting = new Set(toAttempt.map(({ endpoint }) => endpoint.instanceId));
    for (const { instanceId } of endpointsOf(prepared)) if (!attempting.has(instanceId)) isDone(instanceId);
    await attemptAll(deps, toAttempt, { budget, ends, isDone });
  });
}

const endpointsOf = (prepared: readonly Prepared[]) => new Set(prepared.map(({ endpoint }) => endpoint));

/** A claimed delivery with its endpoint. */
interface ToAttempt {
  endpoint: Target;
  claimed: Claimed;
}

const toFresh = ({ id, event, body, endpoint }: Prepared): ToAttempt => {
  const { type: eventType, correlationId } = event;
  return { endpoint, claimed: { id, eventType, correlationId, body, attempts: 0, tries: 0, firstFailedAt: null } };
};

/**
 * Stores one row per delivery: claimed, or in the backlog if the endpoint is slow or has a backlog. Returns the ids of
 * the stored deliveries to attempt now. Skips events that already have a delivery, whatever its state.
 */
async function store(
  deps: WebhookDeps,
  prepared: readonly Prepared[],
  lease: ClaimLease,
  claimedUntil: Date,
): Promise<Set<string>> {
  const waiting = await withoutTurn(deps, [...endpointsOf(prepared)]);
  if (waiting.length === 0) return await insert(deps, deps.db.sql, prepared, { lease, claimedUntil });
  // One transaction, so that no worker ends the new backlogs before these deliveries are in them.
  return await deps.db.sql.begin(async (sql) => {
    await openBacklogs(sql, waiting, deps.clock.now());
    return await insert(deps, sql, prepared, { lease, claimedUntil });
  });
}

async function insert(
  deps: WebhookDeps,
  sql: postgres.ISql,
  prepared: readonly Prepared[],
  { lease, claimedUntil }: { lease: ClaimLease; claimedUntil: Date },
): Promise<Set<string>> {
  const now = deps.clock.now().toISOString();
  const rows = prepared.map(({ id, event, body, endpoint }) => ({
    id,
    instance_id: event.instanceId,
    event_id: event.id,
    event_seq: event.seq,
    event_type: event.type,
    correlation_id: event.correlationId,
    url: endpoint.url,
    body: event.type === "connection.qr" ? sealBody(deps.vault, id, body) : body,
  }));
  // Passed as an array, so that the planner uses the index: it can't estimate the number of rows in JSON.
  const events = rows.map((row) => row.event_id);
  const instances = [...new Set(rows.map((row) => row.instance_id))];
  // The lock keeps a backlog from ending between this read and the insert.
  const stored = await sql<{ id: string; in_backlog: boolean }[]>`
    with backlog as materialized (
      select instance_id from webhook_endpoints
      where instance_id = any(${instances}::uuid[]) and state <> 'failing' order by instance_id for share
    )
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, correlation_id, url, body, next_at,
      claimed_by, created_at)
    select t.id, i.id, t.event_id, t.event_seq, t.event_type, t.correlation_id, t.url, t.body,
      case when backlog.instance_id is null then ${claimedUntil.toISOString()}::timestamptz else 'infinity' end,
      case when backlog.instance_id is null then ${lease.id}::uuid end, ${now}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(id uuid, instance_id uuid, event_id uuid,
      event_seq bigint, event_type text, correlation_id text, url text, body text)
    join instances i on i.id = t.instance_id left join backlog on backlog.instance_id = i.id
    where t.event_id <> all(array(select event_id from deliveries where event_id = any(${events}::uuid[])))
    on conflict (event_id, url) do nothing
    returning id, next_at = 'infinity' as in_backlog`;
  return new Set(stored.flatMap((row) => (row.in_backlog ? [] : [row.id])));
}

/**
 * Claims the stored deliveries of these events whose workers died or lost their leases. Without this, they would wait
 * for `retryDeliveries`, which on AWS runs once a minute. Deliveries to an endpoint with a backlog are left to
 * `retryDeliveries`, which keeps the order of the backlog.
 */
async function resume(
  deps: WebhookDeps,
  prepared: readonly Prepared[],
  lease: ClaimLease,
  claimedUntil: Date,
): Promise<ToAttempt[]> {
  const { sql } = deps.db;
  const endpoints = new Map(prepared.map(({ event, endpoint }) => [event.instanceId, endpoint]));
  const events = prepared.map(({ event }) => event.id);
  const rows = await sql<(ClaimedRow & { instance_id: string })[]>`
    update deliveries d set next_at = ${claimedUntil.toISOString()}::timestamptz, claimed_by = ${lease.id} where id in (
      select id from deliveries d
      where event_id = any(${events}::uuid[]) and status = 'pending' and ${claimHasEnded(sql, sql`d.claimed_by`)}
        and ${leaseHolds(sql, lease)}
        and not exists (select from webhook_endpoints w where w.instance_id = d.instance_id and w.state <> 'failing')
      for update skip locked)
    returning ${claimedColumns(sql)}, d.instance_id`;
  return rows.sort(byEvent).flatMap((row) => {
    const endpoint = endpoints.get(row.instance_id);
    return endpoint ? [{ endpoint, claimed: toClaimed(row) }] : [];
  });
}

async function attemptAll(
  deps: WebhookDeps,
  deliveries: readonly ToAttempt[],
  { budget, ends, isDone }: Omit<Batch, "budgetMs"> & { budget: Budget },
): Promise<void> {
  const byEndpoint = Map.groupBy(deliveries, ({ endpoint }) => endpoint);
  const recorder = new Recorder(deps.db, budget.lease);
  const ended = await Promise.allSettled(
    [...byEndpoint].map(async ([endpoint, toAttempt]) => {
      const claimed = toAttempt.map((delivery) => delivery.claimed);
      const current = { ...endpoint, breaker: withoutBacklog(endpoint.breaker) };
      const result = await runBatch(deps, recorder, current, claimed, budget, ends);
      await recorder.settled();
      await recordBatchResult(deps, budget.lease, current, result);
      isDone(endpoint.instanceId);
    }),
  );
  await recorder.settled();
  const rejected = ended.find((result) => result.status === "rejected");
  if (rejected) throw rejected.reason;
}
