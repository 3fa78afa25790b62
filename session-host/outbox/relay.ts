import type { Database } from "../../core/db/index.ts";
import type { EventEnvelope, EventType } from "../../core/event/catalog/index.ts";
import { outboxLane, outboxLanes } from "../../core/event/event.sql.ts";
import { type ParkedEvent, reportParked } from "../../core/event/park.ts";
import type { Announcer } from "../../core/event-stream/announce.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { batches } from "../../core/queue/batches.ts";
import { eventQueue, type QueueMessage, type Queues } from "../../core/queue/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller } from "../concurrency/poller.ts";

export interface RelayDeps {
  db: Database;
  queues: Pick<Queues, "sendBatch">;
  log: Logger;
  host: string;
  lease: Lease;
  /** Tells event streams of other processes about new events. */
  announcer: Announcer;
}

interface OutboxRow {
  id: string;
  instance_id: string;
  seq: number;
  type: EventType;
  data: unknown;
  correlation_id: string | null;
  created_at: Date;
}

/** Maximum number of events per query. */
const pageSize = 125;
/** Delay until the next search for events that another process appended, or that a failed run left. Milliseconds. */
const pollMs = 1000;

/**
 * Sends the events of a shard from the log to the event queue, in order per instance, at least once. Instances are
 * spread over lanes. Each lane reads and sends its own events, so a lane that can't send does not delay the others. An
 * event that the queue never accepts is parked: it leaves the outbox, stays in the log, and is reported.
 */
export class EventRelay {
  readonly #lanes: readonly Poller[];

  constructor(deps: RelayDeps) {
    const { log, lease } = deps;
    this.#lanes = Array.from({ length: outboxLanes }, (_, lane) => {
      const onError = (error: unknown) =>
        log.warn({ err: error, shard: lease.grant.shard, lane }, "events could not be sent and stay in the log");
      return new Poller(() => sendLane(deps, lane), { name: "events", active: () => lease.held, onError });
    });
  }

  start(): void {
    for (const lane of this.#lanes) lane.start();
  }

  /** Announces new events. */
  nudge(): void {
    for (const lane of this.#lanes) lane.nudge();
  }

  /** Sends the events that are in the log, then ends. */
  async stop(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }
}

async function sendLane(deps: RelayDeps, lane: number): Promise<number> {
  while ((await sendPage(deps, lane)) === pageSize);
  return pollMs;
}

/** Sends up to `pageSize` events of a lane. Returns how many events it read. Throws if the queue refuses one for now. */
async function sendPage(deps: RelayDeps, lane: number): Promise<number> {
  const { db, lease } = deps;
  const rows = await db.sql<OutboxRow[]>`
    select id, instance_id, seq::float8 as seq, type, data, correlation_id, created_at from events
    where shard = ${lease.grant.shard} and emitted_at is null and ${db.sql.unsafe(outboxLane)} = ${lane}
    order by position limit ${pageSize}`;
  if (rows.length === 0) return 0;
  deps.announcer.note(rows.map((row) => row.instance_id));
  const result = await sendRows(deps, rows);
  await record(deps, result);
  if (result.error) throw result.error;
  return rows.length;
}

interface SendResult {
  /** Ids of the accepted events. */
  sent: string[];
  parked: ParkedEvent[];
  /** Why the other events were not sent. */
  error?: unknown;
}

/** Sends events in order. Stops at the first event that is refused for now, so that no later event is sent before it. */
async function sendRows({ queues, lease }: RelayDeps, rows: readonly OutboxRow[]): Promise<SendResult> {
  const sent: string[] = [];
  const parked: ParkedEvent[] = [];
  const entries = rows.map((row) => ({ row, message: toMessage(row) }));
  for (const batch of batches(entries, ({ message }) => message.body)) {
    if (!lease.held) return { sent, parked, error: new Error("the lease has expired") };
    try {
      const refused = await queues.sendBatch(
        eventQueue,
        batch.map(({ message }) => message),
      );
      const refusals = new Map(refused.map((one) => [one.index, one]));
      for (const [index, { row }] of batch.entries()) {
        const refusal = refusals.get(index);
        if (refusal && !refusal.permanent) return { sent, parked, error: new Error(refusal.reason) };
        if (refusal) parked.push({ ...row, instanceId: row.instance_id, reason: refusal.reason });
        else sent.push(row.id);
      }
    } catch (error) {
      return { sent, parked, error };
    }
  }
  return { sent, parked };
}

/** Removes sent and parked events from the outbox. */
async function record({ db, host, lease, log }: RelayDeps, { sent, parked }: SendResult): Promise<void> {
  const { shard, epoch } = lease.grant;
  if (sent.length > 0) {
    await db.sql`
      update events set emitted_at = clock_timestamp() from (select fence(${shard}, ${host}, ${epoch})) as held
      where id = any(${sent}::uuid[])`;
    count("EventsRelayed", sent.length);
  }
  if (parked.length === 0) return;
  await db.sql.begin(async (sql) => {
    await sql`select fence(${shard}, ${host}, ${epoch})`;
    await sql`
      update events set emitted_at = clock_timestamp(), parked_at = clock_timestamp(), parked_reason = parked.reason
      from unnest(${parked.map(({ id }) => id)}::uuid[], ${parked.map(({ reason }) => reason)}::text[]) as parked(id, reason)
      where events.id = parked.id`;
    await reportParked({ sql, log }, parked, "event_queue");
  });
  count("EventsParked", parked.length);
}

function toMessage(row: OutboxRow): QueueMessage {
  const envelope: EventEnvelope = {
    v: 1,
    id: row.id,
    instanceId: row.instance_id,
    seq: row.seq,
    type: row.type,
    data: row.data,
    // Events that an earlier version stored may have no correlation id.
    correlationId: row.correlation_id ?? row.id,
    at: row.created_at.toISOString(),
  };
  return { body: JSON.stringify(envelope), groupId: row.instance_id, deduplicationId: row.id };
}
