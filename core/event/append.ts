import type postgres from "postgres";
import { storableJson } from "../db/index.ts";
import type { NewEvent } from "./catalog.ts";

export type EventRow = NewEvent & { id: string; instanceId: string; at: Date; correlationId?: string | null };

/**
 * Appends events to the log in the order given, within the caller's transaction: numbers them per instance and leaves them
 * for the outbox. An instance that is gone takes none, and an event that is there already stays as it is, so that a
 * transaction whose commit was not heard of can be run again.
 */
export async function appendEvents(sql: postgres.ISql, events: readonly EventRow[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event, index) => ({
    id: event.id,
    instance_id: event.instanceId,
    ord: index,
    type: event.type,
    data: event.data,
    at: event.at.toISOString(),
    correlation_id: event.correlationId ?? null,
  }));
  const json = storableJson(rows);
  await sql`
    with incoming as (
      select * from jsonb_to_recordset(${json}::text::jsonb)
        as t(id uuid, instance_id uuid, ord int, type text, data jsonb, at timestamptz, correlation_id text)
      where t.id <> all(array(select id from events where id = any(${events.map((event) => event.id)}::uuid[])))
    ), counts as (
      select instance_id, count(*) as n from incoming group by instance_id
    ), raised as (
      update instances set event_seq = event_seq + counts.n from counts where instances.id = counts.instance_id
      returning instances.id, instances.shard, instances.event_seq - counts.n as base
    )
    insert into events (id, instance_id, shard, seq, type, data, created_at, correlation_id)
    select incoming.id, raised.id, raised.shard,
      raised.base + row_number() over (partition by raised.id order by incoming.ord),
      incoming.type, incoming.data, incoming.at, incoming.correlation_id
    from incoming join raised on raised.id = incoming.instance_id
    order by incoming.ord`;
}
