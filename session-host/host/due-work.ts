import type postgres from "postgres";
import type { Database } from "../../core/db/index.ts";
import { outboxLane } from "../../core/event/event.sql.ts";
import { isEnabled } from "../../core/instance/enabled-user.ts";
import { needsUserCondition } from "../../core/instance/needs-user.ts";
import { fileIsDue } from "../media/retry.ts";

/** Age after which a command is claimed even if it has not arrived through the queue. Milliseconds. */
export const waitingMs = 3_000;
/**
 * Time for an `instance.delete` command to remove its instance. After this time, the shard removes the instance without
 * the command. Milliseconds.
 */
export const deletedMs = 60_000;
/** For how long after a change a session checks that it uses the changed settings. */
export const changedSettings = "1 minute";

/** A shard whose work is searched. */
export interface SearchedShard {
  shard: number;
  /** The position of each lane up to which all events have left the outbox (`EventRelay.positions`). */
  positions: readonly number[];
}

/** Which work of a shard is due. A shard looks for the work itself, under its lease. */
export interface DueWork {
  shard: number;
  /** Events that are not on the event queue. */
  events: boolean;
  /** Replies that are not on their queues. */
  replies: boolean;
  /** Bulks that have started and not ended, or whose instance needs its user. */
  bulks: boolean;
  /** Commands that did not arrive through the queue. */
  waiting: boolean;
  /** Scheduled sends. */
  scheduled: boolean;
  /** Mutes of channels that have expired. */
  mutes: boolean;
  /** Settings that were changed lately. */
  settings: boolean;
  /** Deleted instances that no command has removed. */
  deleted: boolean;
  /** The connected instances whose files can be fetched. */
  files: string[];
  /** A hash of the ids of the instances whose sessions should run. */
  running: string;
}

/**
 * Returns which work is due in each of these shards, in one statement, so that the number of statements of an idle host
 * does not grow with its shards. Each part reads an index up to the first row that is due.
 */
export async function findDueWork(
  { sql }: Pick<Database, "sql">,
  searched: readonly SearchedShard[],
  now: Date,
): Promise<ReadonlyMap<number, DueWork>> {
  const shards = searched.map(({ shard }) => shard);
  const lanes = searched.flatMap(({ shard, positions }) =>
    positions.map((position, lane) => ({ shard, lane, position })),
  );
  const rows = await sql<DueWork[]>`
    with unsent as materialized (
      select distinct l.shard from unnest(${lanes.map(({ shard }) => shard)}::int[], ${lanes.map(({ lane }) => lane)}::int[],
        ${lanes.map(({ position }) => position)}::bigint[]) as l(shard, lane, position)
      where exists (
        select from events where shard = l.shard and emitted_at is null and ${sql.unsafe(outboxLane)} = l.lane
          and position > l.position)
    ), unmuted as materialized (
      select distinct i.shard from channels c join instances i on i.id = c.instance_id
      where c.muted_until <= clock_timestamp() and i.shard = any(${shards}::int[]) and i.status = 'connected'
        and i.deleted_at is null
    ), files as materialized (
      select i.shard, array_agg(distinct i.id) as instances from messages m join instances i on i.id = m.instance_id
      where ${fileIsDue(sql, now)} and i.shard = any(${shards}::int[]) and i.status = 'connected'
      group by i.shard
    )
    select held.shard, ${commandsDue(sql)},
      held.shard in (select shard from unsent) as events,
      exists (select from replies where shard = held.shard) as replies,
      exists (
        select from bulks b join instances i on i.id = b.instance_id
        where b.shard = held.shard and b.status = 'running' and i.deleted_at is null
          and (b.start_at <= clock_timestamp() or ${needsUserCondition(sql)})) as bulks,
      held.shard in (select shard from unmuted) as mutes,
      coalesce((select instances from files where shard = held.shard), '{}') as files,
      coalesce(own.settings, false) as settings, coalesce(own.deleted, false) as deleted,
      coalesce(own.running, 0)::text as running
    from unnest(${shards}::int[]) as held(shard) cross join lateral (
      select bool_or(desired = 'running' and settings_at > clock_timestamp() - ${changedSettings}::interval) as settings,
        bool_or(deleted_at < clock_timestamp() - ${deletedMs} * interval '1 ms') as deleted,
        bit_xor(hashtextextended(id::text, 0)) filter (where desired = 'running' and deleted_at is null) as running
      from instances where shard = held.shard and (desired = 'running' or deleted_at is not null)) own`;
  return new Map(rows.map((row) => [row.shard, row]));
}

const commandsDue = (sql: postgres.ISql) => sql`
  exists (
    select from commands where shard = held.shard and status = 'queued'
      and created_at < clock_timestamp() - ${waitingMs} * interval '1 ms'
      and ${isEnabled(sql, sql`commands.user_id`)}) as waiting,
  exists (
    select from commands where shard = held.shard and status = 'scheduled' and bulk_id is null
      and run_at <= clock_timestamp() and waiting_reason is distinct from 'paused'
      and ${isEnabled(sql, sql`commands.user_id`)}) as scheduled`;
