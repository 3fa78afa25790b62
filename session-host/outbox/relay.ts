import type { Database } from "../../core/db/index.ts";
import type { EventEnvelope, EventType } from "../../core/event/catalog/index.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { batches } from "../../core/queue/batches.ts";
import { eventQueue, type QueueMessage, type Queues } from "../../core/queue/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller } from "../concurrency/poller.ts";

export interface RelayDeps {
  db: Database;
  queues: Queues;
  log: Logger;
  host: string;
  lease: Lease;
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
const pageSize = 500;
/** Number of lanes over which instances are spread. Lanes send in parallel, and each lane sends in order. */
const lanes = 4;
/** Delay until the next search for events that another process appended, or that a failed run left. Milliseconds. */
const pollMs = 1000;

/**
 * Returns a poller that sends the events of a shard from the log to the event queue, in order per instance, at least
 * once.
 */
export function eventRelay(deps: RelayDeps): Poller {
  const { log, lease } = deps;
  return new Poller(() => sendAll(deps), {
    name: "events",
    active: () => lease.held,
    onError: (error) =>
      log.warn({ err: error, shard: lease.grant.shard }, "events could not be sent and stay in the log"),
  });
}

async function sendAll(deps: RelayDeps): Promise<number> {
  while ((await sendPage(deps)) === pageSize);
  return pollMs;
}

/** Sends up to `pageSize` events. Returns how many events it read. */
async function sendPage(deps: RelayDeps): Promise<number> {
  const { db, host, lease } = deps;
  const shard = lease.grant.shard;
  const rows = await db.sql<OutboxRow[]>`
    select id, instance_id, seq::float8 as seq, type, data, correlation_id, created_at from events
    where shard = ${shard} and emitted_at is null order by position limit ${pageSize}`;
  if (rows.length === 0) return 0;
  const byLane = Array.from({ length: lanes }, (): OutboxRow[] => []);
  for (const row of rows) byLane[Number.parseInt(row.instance_id.slice(-4), 16) % lanes]?.push(row);
  const sent = (await Promise.all(byLane.map((lane) => sendLane(deps, lane)))).flat();
  if (sent.length > 0) {
    await db.sql`
      update events set emitted_at = clock_timestamp() from (select fence(${shard}, ${host}, ${lease.grant.epoch})) as held
      where id = any(${sent}::uuid[])`;
    count("EventsRelayed", sent.length);
  }
  if (sent.length < rows.length) throw new Error(`the event queue accepted ${sent.length} of ${rows.length} events`);
  return rows.length;
}

/**
 * Sends the events of one lane. Stops at the first rejected event, so that no later event is sent before it. Returns
 * the accepted ids.
 */
async function sendLane({ queues, log, lease }: RelayDeps, rows: readonly OutboxRow[]): Promise<string[]> {
  const sent: string[] = [];
  const entries = rows.map((row) => [row.id, toMessage(row)] as const);
  for (const batch of batches(entries, ([, { body }]) => body)) {
    if (!lease.held) return sent;
    try {
      const rejected = await queues.sendBatch(
        eventQueue,
        batch.map(([, message]) => message),
      );
      const accepted = rejected.length > 0 ? Math.min(...rejected) : batch.length;
      sent.push(...batch.slice(0, accepted).map(([id]) => id));
      if (accepted < batch.length) return sent;
    } catch (error) {
      log.warn({ err: error, shard: lease.grant.shard }, "the event queue is not available");
      return sent;
    }
  }
  return sent;
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
