import { sql } from "drizzle-orm";
import type postgres from "postgres";
import { type Database, storableJson } from "../db/index.ts";
import { eventLane } from "../usage/lane.ts";
import type { EventType, NewEvent } from "./catalog/index.ts";
import { fittedJson } from "./fit.ts";

export type EventRow = NewEvent & {
  id: string;
  instanceId: string;
  at: Date;
  correlationId?: string | null;
  /** A row id in `messages`. The event is skipped unless the row exists, so it announces a new row only. */
  ifMessage?: string | undefined;
};

/** An event that is in the log. */
export interface AppendedEvent {
  id: string;
  instanceId: string;
  seq: number;
  /** See `events.position`. */
  position: number;
  type: EventType;
  /** The data as JSON. */
  json: string;
  correlationId: string;
  at: Date;
}

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
 * correlation id gets its own id as the correlation id. Returns the events that it appended, in their order.
 */
export async function appendEvents(sql: postgres.ISql, events: readonly EventRow[]): Promise<AppendedEvent[]> {
  if (events.length === 0) return [];
  const incoming = new Map<string, Omit<AppendedEvent, "seq" | "position">>();
  const rows: string[] = [];
  for (const { id, instanceId, type, data, at, ifMessage, ...event } of events) {
    if (incoming.has(id)) continue;
    const given = event.correlationId ?? "";
    const correlationId = usableCorrelationId.test(given) ? given : id;
    const json = fittedJson(data);
    const columns = {
      ...{ id, instance_id: instanceId, ord: rows.length, type, at: at.toISOString(), correlation_id: correlationId },
      ...(ifMessage === undefined ? {} : { if_message: ifMessage }),
    };
    rows.push(`${storableJson(columns).slice(0, -1)},"data":${json}}`);
    incoming.set(id, { id, instanceId, type, json, correlationId, at });
  }
  const appended = await insertEvents(sql, `[${rows.join(",")}]`, [...incoming.keys()]);
  return appended.flatMap(({ id, ...numbers }) => {
    const event = incoming.get(id);
    return event ? [{ ...event, ...numbers }] : [];
  });
}

const insertEvents = (sql: postgres.ISql, json: string, ids: string[]) => sql<
  { id: string; seq: number; position: number }[]
>`
    with incoming as (
      select * from jsonb_to_recordset(${json}::text::jsonb)
        as t(id uuid, instance_id uuid, ord int, type text, data jsonb, at timestamptz, correlation_id text, if_message uuid)
      where t.id <> all(array(select id from events where id = any(${ids}::uuid[])))
        and (if_message is null or (select true from messages where messages.id = if_message))
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
      returning id, seq, position, instance_id, created_at, type, type = 'message.sent' as sent,
        type = 'message.received' as received, jsonb_typeof(data->'media') = 'object' as has_media,
        case when type = 'media.stored' or data->>'source' = 'api' then (data#>>'{media,size}')::bigint end as size
    ), counted as (
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
        media_size = usage.media_size + excluded.media_size
    )
    select id, seq::float8 as seq, position::float8 as position from appended order by appended.position`;
