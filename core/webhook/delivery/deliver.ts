import type postgres from "postgres";
import { type ClaimLease, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import { feedSinks, type SinkDeps } from "../../event-sink/feed.ts";
import { parseEvent } from "../body/event.ts";
import { type Budget, runBatch, startBudget, unusablePauseMs, type WebhookDeps } from "./batch.ts";
import { finishPass, openBacklogs, recordBatchResult, withoutBacklog } from "./circuit-breaker.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";
import { countdown, Detachment } from "./detachment.ts";
import { type BrokenEndpoint, type Endpoint, hasUrl, isBroken, loadEndpoints, type Target } from "./endpoint.ts";
import { withoutTurn } from "./pace.ts";
import { type EventRecord, type Incoming, type Prepared, prepare } from "./prepare.ts";
import { Recorder } from "./record.ts";
import { sealBody } from "./sealed-body.ts";
import { endpointOf } from "./target.ts";

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

/**
 * Delivers events to webhook endpoints and to event queues.
 *
 * Stores one delivery per event and endpoint and attempts it at once: endpoints in parallel, the events of one endpoint
 * in order. Failed deliveries wait in the database for `retryDeliveries`. Deliveries to an endpoint that is slow or has a
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
    for (const [id, incoming] of byInstance)
      prepared.push(...(await prepare(deps, endpoints.get(id) ?? [], incoming, fail)));
    const isDone = reportDone(byInstance, failed, options.onDone);
    const withDelivery = new Set(prepared.map(({ event }) => event.instanceId));
    for (const id of byInstance.keys()) if (!withDelivery.has(id)) isDone(id);
    const ends = new Date(now.getTime() + options.budgetMs);
    const several = withSeveral(endpoints);
    const batch = { ends, budgetMs: options.budgetMs - elapsed(), several, isDone };
    if (prepared.length > 0) await deliver(deps, prepared, batch);
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
async function feedQueues(
  deps: DeliverDeps,
  endpoints: ReadonlyMap<string, (Endpoint | BrokenEndpoint)[]>,
  budgetMs: number,
): Promise<void> {
  const instanceIds = [...endpoints].flatMap(([id, [first]]) => (first?.hasQueue ? [id] : []));
  if (instanceIds.length > 0) await feedSinks(deps, instanceIds, { budgetMs, maxEvents: maxSinkEvents });
}

/** Returns the ids of the instances with several endpoints. */
function withSeveral(endpoints: ReadonlyMap<string, (Endpoint | BrokenEndpoint)[]>): Set<string> {
  return new Set([...endpoints].flatMap(([id, some]) => (some.filter(hasUrl).length > 1 ? [id] : [])));
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

interface Batch {
  /** When this batch has ended at the latest. */
  ends: Date;
  budgetMs: number;
  /** Called when the deliveries of an instance are stored, and attempted unless they wait in a backlog. */
  isDone: (instanceId: string) => void;
  /** The instances with several endpoints. */
  several: ReadonlySet<string>;
}

/** Stores the deliveries and attempts those that no other worker has, under one lease. */
function deliver(deps: DeliverDeps, prepared: readonly Prepared[], batch: Batch): Promise<void> {
  const { ends, budgetMs, isDone } = batch;
  const claimedUntil = new Date(ends.getTime() + claimMarginMs);
  return deps.claims.hold(async (lease) => {
    const budget = startBudget(budgetMs, lease);
    const stored = await store(deps, prepared, lease, claimedUntil);
    const fresh = prepared.filter(({ id }) => stored.has(id)).flatMap(toFresh);
    const resumed = stored.size < prepared.length ? await resume(deps, prepared, lease, claimedUntil) : [];
    const toAttempt = [...fresh, ...resumed];
    const attempting = new Set(toAttempt.map(({ endpoint }) => endpoint.instanceId));
    for (const id of new Set(prepared.map(({ event }) => event.instanceId))) if (!attempting.has(id)) isDone(id);
    await attemptAll(deps, toAttempt, { ...batch, budget, claimedUntil });
  });
}

const endpointsOf = (prepared: readonly Prepared[]) => [...new Set(prepared.map(({ endpoint }) => endpoint))];

/** A claimed delivery with its endpoint. */
interface ToAttempt {
  endpoint: Target;
  claimed: Claimed;
}

const toFresh = ({ id, event, body, endpoint }: Prepared): ToAttempt[] => {
  if (isBroken(endpoint)) return [];
  const { type: eventType, correlationId } = event;
  return [{ endpoint, claimed: { id, eventType, correlationId, body, attempts: 0, tries: 0, firstFailedAt: null } }];
};

/**
 * Stores one row per delivery: claimed, or in the backlog if the endpoint is slow or has a backlog. Returns the ids of
 * the stored deliveries to attempt now. Skips deliveries that exist, whatever their state.
 */
async function store(
  deps: WebhookDeps,
  prepared: readonly Prepared[],
  lease: ClaimLease,
  claimedUntil: Date,
): Promise<Set<string>> {
  const waiting = await withoutTurn(deps, endpointsOf(prepared));
  if (waiting.length === 0) return await insert(deps, deps.db.sql, prepared, { lease, claimedUntil });
  // One transaction, so that no worker ends the new backlogs before these deliveries are in them.
  return await deps.db.sql.begin(async (sql) => {
    await openBacklogs(sql, waiting, deps.clock.now());
    return await insert(deps, sql, prepared, { lease, claimedUntil });
  });
}

function toRow(deps: WebhookDeps, { id, event, body, endpoint }: Prepared) {
  const isFirst = endpoint.id === endpoint.instanceId;
  return {
    id,
    instance_id: event.instanceId,
    endpoint_id: isFirst ? null : endpoint.id,
    event_id: event.id,
    event_seq: event.seq,
    event_type: event.type,
    correlation_id: event.correlationId,
    url: isFirst ? endpoint.url : null,
    endpoint_url: isFirst ? null : endpoint.url,
    body: event.type === "connection.qr" ? sealBody(deps.vault, id, body) : body,
    broken: isBroken(endpoint),
  };
}

async function insert(
  deps: WebhookDeps,
  sql: postgres.ISql,
  prepared: readonly Prepared[],
  { lease, claimedUntil }: { lease: ClaimLease; claimedUntil: Date },
): Promise<Set<string>> {
  const now = deps.clock.now();
  const brokenUntil = new Date(now.getTime() + unusablePauseMs);
  const rows = prepared.map((one) => toRow(deps, one));
  // Passed as an array, so that the planner uses the index: it can't estimate the number of rows in JSON.
  const endpoints = endpointsOf(prepared).map(({ id }) => id);
  // The lock keeps a backlog from ending between this read and the insert. The order keeps two workers that insert the same
  // deliveries from a deadlock.
  const stored = await sql<{ id: string; attempt: boolean }[]>`
    with backlog as materialized (
      select endpoint_id from endpoint_breakers
      where endpoint_id = any(${endpoints}::uuid[]) and state <> 'failing' order by endpoint_id for share
    )
    insert into deliveries (id, instance_id, endpoint_id, event_id, event_seq, event_type, correlation_id, url,
      endpoint_url, body, next_at, claimed_by, created_at)
    select d.id, i.id, d.endpoint_id, d.event_id, d.event_seq, d.event_type, d.correlation_id, d.url, d.endpoint_url,
      d.body,
      case when backlog.endpoint_id is not null then 'infinity' when d.broken then ${brokenUntil.toISOString()}::timestamptz
        else ${claimedUntil.toISOString()}::timestamptz end,
      case when backlog.endpoint_id is null and not d.broken then ${lease.id}::uuid end, ${now.toISOString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as d(id uuid, instance_id uuid, endpoint_id uuid,
      event_id uuid, event_seq bigint, event_type text, correlation_id text, url text, endpoint_url text, body text,
      broken boolean)
    join instances i on i.id = d.instance_id left join backlog on backlog.endpoint_id = ${endpointOf(sql)}
    order by d.event_id, d.endpoint_id
    on conflict do nothing
    returning id, claimed_by is not null as attempt`;
  return new Set(stored.flatMap((row) => (row.attempt ? [row.id] : [])));
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
  const endpoints = new Map(prepared.map(({ endpoint }) => [endpoint.id, endpoint]));
  const events = prepared.map(({ event }) => event.id);
  const rows = await sql<(ClaimedRow & { endpoint_id: string })[]>`
    update deliveries d set next_at = ${claimedUntil.toISOString()}::timestamptz, claimed_by = ${lease.id} where id in (
      select id from deliveries d
      where event_id = any(${events}::uuid[]) and status = 'pending' and ${claimHasEnded(sql, sql`d.claimed_by`)}
        and ${endpointOf(sql)} = any(${[...endpoints.keys()]}::uuid[]) and ${leaseHolds(sql, lease)}
        and not exists (
          select from endpoint_breakers b where b.endpoint_id = ${endpointOf(sql)} and b.state <> 'failing')
      for update skip locked)
    returning ${claimedColumns(sql)}, ${endpointOf(sql)} as endpoint_id`;
  return rows.sort(byEvent).flatMap((row) => {
    const endpoint = endpoints.get(row.endpoint_id);
    return endpoint && !isBroken(endpoint) ? [{ endpoint, claimed: toClaimed(row) }] : [];
  });
}

interface Attempts extends Batch {
  budget: Budget;
  claimedUntil: Date;
}

async function attemptAll(
  deps: WebhookDeps,
  deliveries: readonly ToAttempt[],
  { budget, ends, claimedUntil, isDone, several }: Attempts,
): Promise<void> {
  const byEndpoint = Map.groupBy(deliveries, ({ endpoint }) => endpoint);
  const endEndpoint = countdown([...byEndpoint.keys()], isDone);
  const recorder = new Recorder(deps.db, budget.lease);
  const ended = await Promise.allSettled(
    [...byEndpoint].map(async ([endpoint, toAttempt]) => {
      const claimed = toAttempt.map((delivery) => delivery.claimed);
      const current = { ...endpoint, breaker: withoutBacklog(endpoint.breaker) };
      const startedAt = deps.clock.now();
      const end = () => endEndpoint(endpoint);
      const detachment = several.has(endpoint.instanceId)
        ? new Detachment(deps, budget.lease, endpoint, claimedUntil, end)
        : undefined;
      const result = await runBatch(deps, recorder, current, claimed, budget, ends).finally(() => detachment?.stop());
      await recorder.settled();
      if (await detachment?.isHeld) await finishPass(deps, current, { ...result, startedAt, lease: budget.lease });
      else await recordBatchResult(deps, budget.lease, current, result);
      end();
    }),
  );
  await recorder.settled();
  const rejected = ended.find((result) => result.status === "rejected");
  if (rejected) throw rejected.reason;
}
