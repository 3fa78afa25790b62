import { feedSinks, type SinkDeps } from "../../event-sink/feed.ts";
import type { FileLink } from "../body/context.ts";
import { parseEvent, type WebhookEvent } from "../body/event.ts";
import { webhookBody } from "../body/index.ts";
import { type Budget, runGroup, sealBody, startBudget, type WebhookDeps } from "./batch.ts";
import { noteGroup, withoutLine } from "./circuit-breaker.ts";
import { type Endpoint, hasUrl, loadEndpoints, type Target } from "./endpoint.ts";
import { Recorder } from "./record.ts";

/** A record of the event queue. */
export interface EventRecord {
  id: string;
  body: string;
}

/** Beyond the time of the batch: until then nobody else takes what it has claimed. */
const claimMarginMs = 30_000;

export type DeliverDeps = WebhookDeps & SinkDeps;

/** Of one instance: its webhooks wait meanwhile. `feedLagging` sends the rest. */
const maxSinkEvents = 500;

type Incoming = { record: EventRecord; event: WebhookEvent };
type Prepared = { id: string; event: WebhookEvent; body: string; endpoint: Target };

/**
 * Tells the endpoints and the queues of events. For an endpoint: stores a delivery for each, then tries it at once, instances side by side, the events of
 * one in the order of their numbers. What fails waits in the database for `wakeDeliveries`, as does what is for an endpoint
 * that has a line: it stands in it, behind the others. Once a delivery is stored its event is taken care of, so an event
 * that comes off the queue again is not posted again. Queues are fed from the log beside that, and neither waits for the other
 * to succeed.
 * Answers the ids of the records that must come again, each with all later ones of its instance: those that are not events
 * (they end in the dead-letter queue), and those that failed for reasons of our own.
 */
export async function deliverEvents(
  deps: DeliverDeps,
  records: readonly EventRecord[],
  options: { budgetMs: number },
): Promise<Set<string>> {
  const budget = startBudget(options.budgetMs);
  const failed = new Set<string>();
  const groups = groupByInstance(deps, records, failed);
  const fail = (incoming: readonly Incoming[]) => {
    for (const { record } of incoming) failed.add(record.id);
  };
  let feeding: Promise<void> | undefined;
  try {
    const now = deps.clock.now();
    const endpoints = await loadEndpoints(deps.db, deps.vault, [...groups.keys()]);
    feeding = feedQueues(deps, endpoints, options.budgetMs);
    const prepared: Prepared[] = [];
    for (const [id, incoming] of groups) prepared.push(...(await prepare(deps, endpoints.get(id), incoming, fail)));
    const claimed = await store(deps, prepared, new Date(now.getTime() + options.budgetMs + claimMarginMs));
    await tryAll(deps, claimed, budget);
  } catch (error) {
    deps.log.error({ err: error, records: records.length }, "a batch of events could not be delivered");
    for (const incoming of groups.values()) fail(incoming);
  }
  await feeding;
  return failed;
}

/** Throws nothing: what is not sent now is sent by `feedLagging`. */
async function feedQueues(deps: DeliverDeps, endpoints: Map<string, Endpoint | Error>, budgetMs: number) {
  const fed = [...endpoints].filter(([, endpoint]) => !(endpoint instanceof Error) && endpoint.hasQueue);
  const instanceIds = fed.map(([instanceId]) => instanceId);
  if (instanceIds.length > 0) await feedSinks(deps, instanceIds, { budgetMs, maxEvents: maxSinkEvents });
}

/** A record that is not an event fails alone: it can never be delivered, so nothing has to wait for it. */
function groupByInstance(deps: WebhookDeps, records: readonly EventRecord[], failed: Set<string>) {
  const groups = new Map<string, Incoming[]>();
  for (const record of records) {
    try {
      const event = parseEvent(record.body);
      const group = groups.get(event.instanceId);
      if (group) group.push({ record, event });
      else groups.set(event.instanceId, [{ record, event }]);
    } catch (error) {
      deps.log.error({ err: error, record: record.id }, "a record of the event queue is not an event");
      failed.add(record.id);
    }
  }
  for (const group of groups.values()) group.sort((a, b) => a.event.seq - b.event.seq);
  return groups;
}

async function prepare(
  deps: WebhookDeps,
  endpoint: Endpoint | Error | undefined,
  incoming: readonly Incoming[],
  fail: (incoming: readonly Incoming[]) => void,
): Promise<Prepared[]> {
  if (endpoint instanceof Error) {
    deps.log.error({ err: endpoint }, "an instance's webhooks cannot be delivered");
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
      deps.log.error({ err: error, correlationId, instanceId, eventId }, "a webhook body cannot be made");
      fail(incoming.slice(index));
      break;
    }
  }
  return prepared;
}

/** How long a link in a body leads to its file, in seconds. */
const linkSeconds = 6 * 60 * 60;

/**
 * The way to the file of a message. A body never changes under its id, so a retry has the link that the first try had.
 * On AWS it may end before its time, with the function's own credentials.
 */
async function linkTo(deps: WebhookDeps, event: WebhookEvent): Promise<FileLink | null> {
  const media =
    event.type === "message.received" || event.type === "message.sent" || event.type === "status.received"
      ? event.data.media
      : null;
  if (!media) return null;
  const expires = new Date(deps.clock.now().getTime() + linkSeconds * 1000);
  return { url: await deps.storage.presign(media.storageKey, linkSeconds), urlExpiresAt: expires.toISOString() };
}

/**
 * One row for each delivery, claimed by us until `claimedUntil`, or in line behind the others when the endpoint has one.
 * Answers those that are ours to try now: not those of events that had a delivery before, whatever became of it.
 */
async function store(deps: WebhookDeps, prepared: readonly Prepared[], claimedUntil: Date): Promise<Prepared[]> {
  if (prepared.length === 0) return [];
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
  // As an array, so that the planner takes the index: of how many rows come out of JSON it has no idea.
  const events = rows.map((row) => row.event_id);
  const instances = [...new Set(rows.map((row) => row.instance_id))];
  // The lock keeps a line from ending between our look and our standing in it.
  const stored = await deps.db.sql<{ id: string; in_line: boolean }[]>`
    with line as materialized (
      select instance_id from webhook_endpoints
      where instance_id = any(${instances}::uuid[]) and state <> 'failing' order by instance_id for share
    )
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, correlation_id, url, body, next_at, created_at)
    select t.id, i.id, t.event_id, t.event_seq, t.event_type, t.correlation_id, t.url, t.body,
      case when line.instance_id is null then ${claimedUntil.toISOString()}::timestamptz else 'infinity' end,
      ${now}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(id uuid, instance_id uuid, event_id uuid,
      event_seq bigint, event_type text, correlation_id text, url text, body text)
    join instances i on i.id = t.instance_id left join line on line.instance_id = i.id
    where t.event_id <> all(array(select event_id from deliveries where event_id = any(${events}::uuid[])))
    on conflict (event_id, url) do nothing
    returning id, next_at = 'infinity' as in_line`;
  const ours = new Set(stored.flatMap((row) => (row.in_line ? [] : [row.id])));
  return prepared.filter(({ id }) => ours.has(id));
}

async function tryAll(deps: WebhookDeps, prepared: readonly Prepared[], budget: Budget): Promise<void> {
  const groups = Map.groupBy(prepared, ({ endpoint }) => endpoint);
  const recorder = new Recorder(deps.db);
  const ended = await Promise.allSettled(
    [...groups].map(async ([endpoint, deliveries]) => {
      const fresh = { attempts: 0, tries: 0, firstFailedAt: null };
      const claimed = deliveries.map(({ id, event: { type: eventType, correlationId }, body }) => {
        return { id, eventType, correlationId, body, ...fresh };
      });
      const current = { ...endpoint, health: withoutLine(endpoint.health) };
      const result = await runGroup(deps, recorder, current, claimed, budget);
      if (result.failures > 0) await recorder.settled();
      await noteGroup(deps, current, result);
    }),
  );
  await recorder.settled();
  const broken = ended.find((result) => result.status === "rejected");
  if (broken) throw broken.reason;
}
