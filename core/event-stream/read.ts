import type { Database } from "../db/index.ts";
import { type PageColumns, withinBytes } from "../db/page.ts";
import type { LogRow } from "../event-sink/envelope.ts";
import type { Dialect } from "../instance/instance.sql.ts";

/** Which instances are read: all of these users, and these. Instances that are being deleted don't count. */
export interface Scope {
  userIds: readonly string[];
  instanceIds: readonly string[];
}

/** An event of the log with its place among the events of all instances. */
export interface PlacedRow extends LogRow {
  position: number;
  /** Of the instance. */
  dialect: Dialect;
  phone_number: string | null;
}

/** Where a stream starts. `sequence` is for a single instance. */
export type Start =
  | { kind: "now" }
  | { kind: "time"; from: Date }
  | { kind: "sequence"; since: number }
  | { kind: "position"; position: number; at?: Date | undefined; ahead: ReadonlyMap<string, number> };

/** Up to where an instance's events are passed: its event `seq`, which has this position. */
export interface Passed {
  seq: number;
  position: number;
}

export interface StartingPoint extends Passed {
  id: string;
  userId: string;
  /** The sequence number of the oldest stored event; of the next event if none is stored. */
  oldest: number;
  head: number;
  /** The position of the newest event; 0 without events. */
  lastPosition: number;
}

/**
 * A transaction id that is greater than that of every transaction that could still append an event with a position up
 * to `position`. Once all transactions up to `xid` have ended, all events up to `position` are visible or will never be.
 *
 * Positions come from a sequence, and a transaction has its id before it takes a position, because it locks the
 * instance first (`appendEvents`). `position` was visible in a snapshot, and `xid` was assigned after that snapshot.
 */
export interface Barrier {
  position: number;
  xid: bigint;
}

/** The clocks of hosts differ, so events that are this close in time may be out of order. */
const clockSkew = "10 minutes";

/**
 * Returns the place of each instance where the stream starts, from one snapshot. The place in the log of an instance is
 * found by a binary search, because positions and times grow with sequence numbers.
 */
export async function readStart(
  { sql }: Database,
  scope: Scope,
  start: Start,
): Promise<{ points: StartingPoint[]; barrier: Barrier }> {
  const ahead = start.kind === "position" ? [...start.ahead] : [];
  const position = start.kind === "position" ? start.position : null;
  const from = start.kind === "time" ? start.from.toISOString() : null;
  const since = start.kind === "sequence" ? start.since : null;
  const searches = position !== null || from !== null;
  type Row = Record<"id" | "user_id" | "seq" | "head" | "oldest" | "last_position" | "position" | "xid", string>;
  const rows = await sql<Row[]>`
    with recursive watched as (
      select i.id, i.user_id, i.event_seq as head, a.seq as ahead,
        coalesce((select seq from events where instance_id = i.id order by seq limit 1), i.event_seq + 1) as oldest,
        coalesce((select position from events where instance_id = i.id order by seq desc limit 1), 0) as last_position
      from instances i
      left join unnest(${ahead.map(([id]) => id)}::uuid[], ${ahead.map(([, seq]) => seq)}::bigint[]) as a(id, seq)
        on a.id = i.id
      where i.deleted_at is null
        and (i.user_id = any(${[...scope.userIds]}::uuid[]) or i.id = any(${[...scope.instanceIds]}::uuid[]))
    ), search(id, low, high) as (
      select id, oldest, head + 1 from watched
      where ${searches}::boolean and ahead is null and (${position}::bigint is null or last_position > ${position}::bigint)
      union all
      select search.id, case when later then low else middle + 1 end, case when later then middle else high end
      from search, lateral (select (low + high) / 2 as middle) half, lateral (
        select coalesce((
          select case when ${position}::bigint is not null then e.position > ${position}::bigint
            else e.created_at >= ${from}::timestamptz - ${clockSkew}::interval end
          from events e where e.instance_id = search.id and e.seq >= middle order by e.seq limit 1), true) as later) looked
      where low < high
    ), placed as (
      select watched.*, least(head, coalesce(
        ${since}::bigint, ahead, (select max(low) - 1 from search where search.id = watched.id), head)) as seq
      from watched
    )
    select placed.*, pg_current_xact_id()::text as xid,
      coalesce((select position from events where instance_id = placed.id and events.seq <= placed.seq
        order by events.seq desc limit 1), 0) as position
    from (select 1) one left join placed on true`;
  const points = rows.flatMap(({ id, user_id: userId, seq, head, oldest, last_position, position: at }) =>
    id === null
      ? []
      : [
          {
            id,
            userId,
            seq: Number(seq),
            head: Number(head),
            oldest: Number(oldest),
            lastPosition: Number(last_position),
            position: Number(at),
          },
        ],
  );
  const lastPosition = Math.max(0, ...points.map((point) => point.lastPosition));
  return { points, barrier: { position: lastPosition, xid: BigInt(rows[0]?.xid ?? 0) } };
}

/** Returns the shortest time in days for which events of these instances are kept. Null without instances. */
export async function readKeptDays({ sql }: Database, scope: Scope, byDefault: number): Promise<number | null> {
  const [row] = await sql<{ days: number | null }[]>`
    select min(least(${byDefault}::int, (u.retention->>'events')::int, (i.retention->>'events')::int)) as days
    from instances i join users u on u.id = i.user_id
    where i.deleted_at is null
      and (i.user_id = any(${[...scope.userIds]}::uuid[]) or i.id = any(${[...scope.instanceIds]}::uuid[]))`;
  return row?.days ?? null;
}

export interface Heads {
  /** The sequence number of the newest event, and the owner, by instance id. */
  instances: Map<string, { head: number; userId: string }>;
  /** All transactions with a lower id have ended. */
  xmin: bigint;
}

/** Returns the newest sequence number of each instance, from one snapshot. */
export async function readHeads({ sql }: Database, scope: Scope): Promise<Heads> {
  const rows = await sql<{ id: string | null; user_id: string; head: string; xmin: string }[]>`
    select i.id, i.user_id, i.event_seq as head, pg_snapshot_xmin(pg_current_snapshot())::text as xmin
    from (select 1) one left join instances i on i.deleted_at is null
      and (i.user_id = any(${[...scope.userIds]}::uuid[]) or i.id = any(${[...scope.instanceIds]}::uuid[]))`;
  return {
    instances: new Map(
      rows.flatMap(({ id, user_id: userId, head }) => (id === null ? [] : [[id, { head: Number(head), userId }]])),
    ),
    xmin: BigInt(rows[0]?.xmin ?? 0),
  };
}

export interface EventPage {
  /** In the order of `position`. */
  rows: PlacedRow[];
  /** Whether these are all events of the request. */
  complete: boolean;
  /** Undefined for a page without events. */
  barrier: Barrier | undefined;
}

/** Reads the events after `after` and up to `upTo` of each instance, at most `limit` and 3 MB of them. */
export async function readPage(
  { sql }: Database,
  ranges: readonly { id: string; after: number; upTo: number }[],
  limit: number,
): Promise<EventPage> {
  const page = sql`
    select e.*, octet_length(e.data::text) as bytes from unnest(
      ${ranges.map(({ id }) => id)}::uuid[], ${ranges.map(({ after }) => after)}::bigint[],
      ${ranges.map(({ upTo }) => upTo)}::bigint[]) as r(id, after, up_to)
    cross join lateral (
      select events.id, instance_id, seq::float8 as seq, position, type, data, correlation_id, events.created_at,
        i.metadata, i.dialect, i.phone_number from events join instances i on i.id = r.id
      where instance_id = r.id and seq > r.after and seq <= r.up_to order by seq limit ${limit + 1}) e
    order by e.position limit ${limit + 1}`;
  type Row = Omit<PlacedRow, "position"> & PageColumns & { position: string; xid: string };
  const found = await sql<Row[]>`
    select sized.*, pg_current_xact_id()::text as xid from (${withinBytes(sql, page, sql`bytes`)}) sized
    order by page_row`;
  const rows = found.slice(0, limit).map(
    ({ id, instance_id, seq, position, type, data, correlation_id, created_at, ...instance }): PlacedRow => ({
      ...{ id, instance_id, seq, position: Number(position), type, data, correlation_id, created_at },
      ...{ metadata: instance.metadata ?? null, dialect: instance.dialect, phone_number: instance.phone_number },
    }),
  );
  const last = rows.at(-1);
  return {
    rows,
    complete: rows.length === Number(found[0]?.page_rows ?? 0),
    barrier: last && { position: last.position, xid: BigInt(found[0]?.xid ?? 0) },
  };
}
