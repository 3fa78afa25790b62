import { sql } from "drizzle-orm";
import type postgres from "postgres";
import { type Database, storableJson } from "../db/index.ts";
import { eventLane } from "../usage/lane.ts";
import type { NewEvent } from "./catalog/index.ts";
import { fittedJson } from "./fit.ts";

export type EventRow = NewEvent & { id: string; instanceId: string; at: Date; correlationId?: string | null };

/**
 * Appends one event within a transaction of Drizzle. Does nothing for an instance that no longer exists. Other
 * transactions number their events after this one.
 */
export async function appendEvent(orm: Database["orm"], { id, instanceId, type, data, at }: EventRow): Promise<void> {
  const time = at.toISOString();
  await orm.execute(sql`
    with raised as (
      update instances set event_seq = event_seq + 1 where id = ${instanceId} returning id, shard, event_seq
    )
    insert into events (id, instance_id, shard, seq, type, data, created_at, correlation_id)
    select ${id}::uuid, id, shard, event_seq, ${type}, ${storableJson(data)}::text::jsonb, ${time}::timestamptz, ${id}
    from raised`);
}

/** The correlation id becomes a header of webhooks, and an untrusted sender may have chosen the id. */
const usableCorrelationId = /^[\x21-\x7e]{1,128}$/;

/**
 * Appends events to the log in the order given, within the caller's transaction: numbers the events per instance,
 * leaves them for the relay, and counts them (`usage`). Skips events of instances that no longer exist, and events that
 * the log already has, so that a transaction whose commit was not confirmed can run again. An event without a usable
 * correlation id gets its own id as the correlation id.
 */
export async function appendEvents(sql: postgres.ISql, events: readonly EventRow[]): Promise<void> {
  if (events.length === 0) return;
  const seen = new Set<string>();
  const unique = events.filter(({ id }) => !seen.has(id) && seen.add(id));
  const rows = unique.map((event, index) => {
    const columns = {
      id: event.id,
      instance_id: event.instanceId,
      ord: index,
      type: event.type,
      at: event.at.toISOString(),
      correlation_id: usableCorrelationId.test(event.correlationId ?? "") ? event.correlationId : event.id,
    };
    return `${storableJson(columns).slice(0, -1)},"data":${fittedJson(event.data)}}`;
  });
  const json = `[${rows.join(",")}]`;
  await sql`
    with incoming as (
      select * from jsonb_to_recordset(${json}::text::jsonb)
        as t(id uuid, instance_id uuid, ord int, type text, data jsonb, at timestamptz, correlation_id text)
      where t.id <> all(array(select id from events where id = any(${unique.map((event) => event.id)}::uuid[])))
    ), counts as (
      select instance_id, count(*) as n from incoming group by instance_id
    ), raised as (
      update instances set event_seq = event_seq + counts.n from counts where instances.id = counts.instance_id
      returning instances.id, instances.shard, instances.user_id, instances.event_seq - counts.n as base
    ), appended as (
      insert into events (id, instance_id, shard, seq, type, data, created_at, correlation_id)
      select incoming.id, raised.id, raised.shard,
        raised.base + row_number() over (partition by raised.id order by incoming.ord),
        incoming.type, incoming.data, incoming.at, incoming.correlation_id
      from incoming join raised on raised.id = incoming.instance_id
      order by incoming.ord
      returning instance_id, created_at, type, type = 'message.sent' as sent, type = 'message.received' as received,
        jsonb_typeof(data->'media') = 'object' as has_media,
        case when type = 'media.stored' or data->>'source' = 'api' then (data#>>'{media,size}')::bigint end as size
    )
    insert into usage (user_id, instance_id, slot, lane, messages_sent, messages_received, media_sent, media_received,
      media_size)
    select raised.user_id, raised.id, date_bin('15 minutes', appended.created_at, timestamptz '2000-01-01Z'), ${eventLane}::smallint,
      count(*) filter (where sent), count(*) filter (where received), count(*) filter (where sent and has_media),
      count(*) filter (where received and has_media), coalesce(sum(size), 0)
    from appended join raised on raised.id = appended.instance_id
    where appended.type in ('message.sent', 'message.received', 'media.stored')
    group by 1, 2, 3
    order by 1, 3, 2
    on conflict (user_id, slot, instance_id, lane) do update set
      messages_sent = usage.messages_sent + excluded.messages_sent,
      messages_received = usage.messages_received + excluded.messages_received,
      media_sent = usage.media_sent + excluded.media_sent,
      media_received = usage.media_received + excluded.media_received,
      media_size = usage.media_size + excluded.media_size`;
}
