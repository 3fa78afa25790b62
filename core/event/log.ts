import type { Database } from "../db/index.ts";
import { type PageColumns, withinBytes } from "../db/page.ts";
import { AppError } from "../error.ts";
import { fitting } from "../page.ts";
import { type EventType, eventCatalog } from "./catalog/index.ts";

export interface LogRequest {
  /** Selects events with a greater sequence number. */
  since: number;
  limit: number;
  types?: readonly EventType[] | undefined;
  /** Selects events about these chats (`chatsOf`). */
  chats?: readonly string[] | undefined;
  /** Selects events that were created at this time or later. */
  from?: Date | undefined;
}

export interface LoggedEvent {
  id: string;
  sequence: number;
  type: EventType;
  /** Without the sealed fields. */
  data: unknown;
  createdAt: Date;
}

export interface LogPage {
  /** Oldest first. Skips types that this version does not know. */
  events: LoggedEvent[];
  /** The `since` for the next request, which then neither misses nor repeats an event. */
  nextSince: number;
  hasMore: boolean;
  /** Sequence number of the oldest stored event, or of the next event if none is stored. */
  oldestSequence: number;
}

/**
 * The maximum number of events that one request searches, whether or not they match. If fewer than `limit` of these
 * events match, the request still returns the page, with `hasMore`.
 */
const maxSearched = 20_000;
/** The fields of events that name a chat: by its JID, or the JID of a group or caller. */
const chatFields = ["chatId", "groupId", "from"] as const;

/** Returns the JIDs of the chats that an event is about. */
export const chatsOf = (data: Record<string, unknown>): string[] =>
  chatFields.flatMap((field) => (typeof data[field] === "string" ? [data[field]] : []));

/** The clocks of hosts differ, so events that are this close in time may be out of order. */
const clockSkew = "10 minutes";

/**
 * Returns a page of an instance's event log, from one snapshot of the database. Events are numbered under a lock of
 * their instance that is held until they are committed, so a snapshot that has an event also has all earlier ones.
 * Throws `instance_not_found` if the instance was removed meanwhile.
 */
export async function readLog(db: Database, instanceId: string, request: LogRequest): Promise<LogPage> {
  const { since, limit, types = Object.keys(eventCatalog) } = request;
  const from = request.from?.toISOString() ?? null;
  const chats = request.chats ? [...request.chats] : null;
  type Row = { head: string; oldest: string; after: string; id: string | null; seq: string; type: EventType };
  const page = db.sql`
    select id, seq, type, data, created_at from events
    where instance_id = ${instanceId} and seq > begun.after and seq <= begun.after + ${maxSearched}
      and type = any(${types}::text[]) and (${chats}::text[] is null
        or data->>'chatId' = any(${chats}) or data->>'groupId' = any(${chats}) or data->>'from' = any(${chats})) and (${from}::timestamptz is null or created_at >= ${from}::timestamptz)
    order by seq limit ${limit + 1}`;
  const rows = await db.sql<(Row & PageColumns & { data: unknown; created_at: Date })[]>`
    with recursive log as (
      select event_seq as head, coalesce(
        (select seq from events where instance_id = ${instanceId} order by seq limit 1), event_seq + 1) as oldest
      from instances where id = ${instanceId}
    ), search(low, high) as (
      select greatest(oldest, ${since}::bigint + 1), case when ${from}::timestamptz is null then 0 else head + 1 end from log
      union all
      select case when later then low else middle + 1 end, case when later then middle else high end
      from search, lateral (select (low + high) / 2 as middle) half, lateral (
        select coalesce((select created_at >= ${from}::timestamptz - ${clockSkew}::interval from events
          where instance_id = ${instanceId} and seq >= middle order by seq limit 1), true) as later) looked
      where low < high
    ), begun as (
      select head, oldest, (select max(low) from search) - 1 as after from log
    )
    select begun.*, found.* from begun left join lateral (${withinBytes(db.sql, page, db.sql`octet_length(data::text)`)})
      found on true
    order by found.seq`;
  const [first] = rows;
  if (!first) throw new AppError("instance_not_found");
  const found = rows.flatMap((row) => (row.id === null ? [] : [toEvent({ ...row, id: row.id })]));
  const events = fitting(found.slice(0, limit));
  const searchedUpTo = Number(first.after) + maxSearched;
  const more = events.length < Number(first.page_rows ?? 0);
  const hasMore = more || searchedUpTo < Number(first.head);
  const nextSince = more ? (events.at(-1)?.sequence ?? since) : Math.min(searchedUpTo, Number(first.head));
  return { events, nextSince: Math.max(since, nextSince), hasMore, oldestSequence: Number(first.oldest) };
}

function toEvent(row: { id: string; seq: string; type: EventType; data: unknown; created_at: Date }): LoggedEvent {
  const { id, type, created_at: createdAt } = row;
  const { sealed = [] } = eventCatalog[type];
  const shown = Object.entries(row.data as object).filter(([field]) => !sealed.includes(field));
  return { id, sequence: Number(row.seq), type, data: Object.fromEntries(shown), createdAt };
}
