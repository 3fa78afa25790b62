import type postgres from "postgres";
import { type CommandName, commandCatalog, isImmediate } from "../../../core/command/catalog/index.ts";
import { positionsPerClaim } from "../../../core/command/command.sql.ts";
import { matches, type QueueFilter } from "../../../core/command/waiting-queue.ts";
import type { Database } from "../../../core/db/index.ts";
import { isEnabled } from "../../../core/instance/enabled-user.ts";
import type { Wait } from "../../../core/restriction/index.ts";
import type { Lease } from "../../concurrency/lease.ts";
import { type ClaimedCommand, type ClaimedRow, claimedColumns, joinMessage, toCommand } from "./claimed-command.ts";

/** Maximum number of commands that one claim takes, less than the positions that it reserves. */
export const claimLimit = 1_000;

/** What a claim needs. The lease also names the shard. */
export interface ClaimDeps {
  db: Database;
  host: string;
  lease: Lease;
}

const immediate = (Object.keys(commandCatalog) as CommandName[]).filter(isImmediate);

/**
 * Claims the commands that the queue delivered, in the given order. From then on, their messages may be removed from
 * the queue, because the database holds the claims. Skips commands that were claimed before, have failed, were deleted
 * with their instance, or whose user is disabled. `claimWaiting` finds the latter when the user is enabled again. Of the
 * instances `full`, claims only commands that wait for no other command.
 */
export function claimCommands(
  deps: ClaimDeps,
  ids: readonly string[],
  full: readonly string[] = [],
): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "queued",
    null,
    (sql) => sql`
      select t.id, t.ord from unnest(${ids}::uuid[]) with ordinality as t(id, ord) join commands c on c.id = t.id
      where (c.instance_id <> all(${full}::uuid[]) or c.name = any(${immediate})) and ${isEnabled(sql, sql`c.user_id`)}`,
  );
}

/**
 * The rank of a queued send of high priority: 0 if nothing that it must not pass is queued, otherwise 1. It must not pass
 * earlier sends to its chat, and commands that send nothing.
 */
const rank = (sql: postgres.ISql) => sql`
  case when exists (
    select 1 from commands o
    left join messages om on om.instance_id = o.instance_id and om.wa_id = o.wa_id and om.from_me
    left join messages m on m.instance_id = commands.instance_id and m.wa_id = commands.wa_id and m.from_me
    where o.instance_id = commands.instance_id and o.status = 'queued'
      and (o.created_at, o.id) < (commands.created_at, commands.id) and (o.kind = 'mutate' or om.chat_id = m.chat_id)
  ) then 1 else 0 end`;

/**
 * Claims the oldest queued commands of an instance, up to `limit`. Sends of high priority come first, as far as they may.
 */
export function claimOldest(
  deps: ClaimDeps,
  position: number,
  { instanceId, limit }: { instanceId: string; limit: number },
): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "queued",
    position,
    (sql) => sql`
      select id, row_number() over (order by rank, created_at, id) as ord from (
        select id, created_at, case when options->>'priority' = 'high' then ${rank(sql)} else 1 end as rank from commands
        where status = 'queued' and instance_id = ${instanceId} and ${isEnabled(sql, sql`commands.user_id`)}
        order by rank, created_at, id limit ${limit}) waiting`,
  );
}

/** Returns the instances of the shard that have queued commands of enabled users. */
export async function instancesWithQueued({ db, lease }: ClaimDeps): Promise<string[]> {
  const rows = await db.sql<{ instance_id: string }[]>`
    select distinct instance_id from commands
    where status = 'queued' and shard = ${lease.grant.shard} and ${isEnabled(db.sql, db.sql`commands.user_id`)}`;
  return rows.map((row) => row.instance_id);
}

/**
 * Claims the commands that were accepted more than `olderThanMs` ago and have not arrived through the queue. Instances
 * take turns, so that no instance delays another, and those in `except` have none. If a host
 * dies after it has received messages from the queue, SQS blocks the message groups of those messages until the
 * visibility timeout. This claim doesn't wait for that, because the database has the commands already.
 */
export function claimWaiting(
  deps: ClaimDeps,
  position: number,
  { olderThanMs, except }: { olderThanMs: number; except: readonly string[] },
): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "queued",
    position,
    (sql) => sql`
      select id, row_number() over (order by place, created_at, id) as ord from (
        select id, created_at, row_number() over (partition by instance_id order by created_at, id) as place from commands
        where status = 'queued' and shard = ${deps.lease.grant.shard} and instance_id <> all(${except}::uuid[])
          and created_at < clock_timestamp() - ${olderThanMs} * interval '1 ms'
          and ${isEnabled(sql, sql`commands.user_id`)}
      ) waiting order by place, created_at, id limit ${claimLimit}`,
  );
}

/**
 * Claims scheduled sends that are due, in the order of their times, up to a limit. The next claim takes the rest.
 * Instances take turns, and those in `except` have none.
 */
export function claimDue(deps: ClaimDeps, position: number, except: readonly string[]): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "scheduled",
    position,
    (sql) => sql`
      select id, row_number() over (order by place, run_at, id) as ord from (
        select id, run_at, row_number() over (partition by instance_id order by run_at, id) as place from commands
        where status = 'scheduled' and bulk_id is null and shard = ${deps.lease.grant.shard}
          and run_at <= clock_timestamp() and waiting_reason is distinct from 'paused' and instance_id <> all(${except}::uuid[])
          and ${isEnabled(sql, sql`commands.user_id`)}
      ) due order by place, run_at, id limit ${claimLimit}`,
  );
}

/** Claims all scheduled sends of an instance, due or not, because the instance will not be connected again. */
export function claimScheduled(deps: ClaimDeps, position: number, instanceId: string): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "scheduled",
    position,
    (sql) => sql`
      select id, row_number() over (order by created_at, id) as ord from commands
      where status = 'scheduled' and instance_id = ${instanceId} order by created_at, id limit 500`,
  );
}

/**
 * Reserves a range of positions for a claim. Returns the start of the range, by which `claimedAt` finds the commands
 * that the claim took.
 */
export async function nextPosition({ db }: ClaimDeps): Promise<number> {
  const [row] = await db.sql<{ position: number }[]>`select nextval('command_position')::float8 as position`;
  if (!row) throw new Error("the sequence of positions returned no row");
  return row.position;
}

/** Returns the commands that a claim at `position` took. */
export function claimedAt(deps: ClaimDeps, position: number): Promise<ClaimedCommand[]> {
  const last = position + positionsPerClaim - 1;
  return claimed(deps, (sql) => sql`c.position between ${position} and ${last}`);
}

/** Returns the commands with these ids that are claimed. */
export function claimedAmong(deps: ClaimDeps, ids: readonly string[]): Promise<ClaimedCommand[]> {
  return claimed(deps, (sql) => sql`c.id = any(${ids}::uuid[])`);
}

/** Returns the commands that the previous holder of the shard claimed and did not finish. */
export function unfinishedCommands(deps: ClaimDeps): Promise<ClaimedCommand[]> {
  return claimed(deps, (sql) => sql`true`);
}

/** Returns a claimed command to the state before its claim. `claimWaiting` claims it again. */
export async function returnClaim({ db, host, lease }: ClaimDeps, id: string): Promise<void> {
  await db.sql`
    update commands set status = 'queued', position = null
    from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
    where id = ${id} and status = 'claimed'`;
}

/** Puts a claimed send back until a time. `claimDue` or the bulk's release claims it again. */
export async function holdBack({ db, host, lease }: ClaimDeps, id: string, { reason, until }: Wait): Promise<void> {
  await db.sql`
    update commands set status = 'scheduled', position = null, run_at = ${until}, waiting_reason = ${reason}
    from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
    where id = ${id} and status = 'claimed'`;
}

/**
 * Cancels the sends of an instance that wait: those that no host has claimed and that match, and `claimed` ones, which
 * their session has taken out of its queue. Returns their number.
 */
export async function cancelWaiting(
  { db, host, lease }: ClaimDeps,
  instanceId: string,
  filter: QueueFilter,
  { claimed, at }: { claimed: readonly string[]; at: Date },
): Promise<number> {
  const { sql } = db;
  const rows = await sql`
    with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
    waiting as materialized (
      select c.id from held, (
        select commands.*, m.chat_id from commands
        join messages m on m.instance_id = commands.instance_id and m.wa_id = commands.wa_id and m.from_me
        where commands.instance_id = ${instanceId} and commands.kind = 'send'
          and commands.status in ('scheduled', 'queued')) c
      where ${matches(sql, instanceId, filter)}
      union all select id from unnest(${claimed}::uuid[]) as id),
    command as (
      update commands set status = 'canceled', finished_at = ${at.toISOString()}::timestamptz, waiting_reason = null
      from waiting where commands.id = waiting.id and commands.status in ('scheduled', 'queued', 'claimed')
      returning commands.instance_id, commands.wa_id)
    update messages set status = 'canceled', sent_at = least(sent_at, date_trunc('second', now())) from command
    where messages.instance_id = command.instance_id and messages.wa_id = command.wa_id and messages.from_me
      and messages.instance_id = ${instanceId} and messages.status = 'pending'
    returning messages.wa_id`;
  return rows.length;
}

/** Counts an attempt of a command that might crash the host. Returns the number of attempts so far. */
export async function countAttempt({ db, host, lease }: ClaimDeps, id: string): Promise<number> {
  const [row] = await db.sql<{ attempts: number }[]>`
    update commands set attempts = attempts + 1
    from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
    where id = ${id} returning attempts`;
  return row?.attempts ?? 1;
}

/** A part of an SQL statement. */
type Fragment = (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>;

/**
 * Claims the commands that `selection` returns (`id`, and `ord` from 1), in one statement and under the lease. Their
 * positions begin after `position`, or after the next value of the sequence if it is null.
 */
async function claim(
  { db, host, lease }: ClaimDeps,
  from: "queued" | "scheduled",
  position: number | null,
  selection: Fragment,
): Promise<ClaimedCommand[]> {
  const rows = await db.sql<ClaimedRow[]>`
    with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
    start as materialized (select coalesce(${position}::bigint, nextval('command_position')) as position),
    selected as materialized (${selection(db.sql)}),
    c as (
      update commands set status = 'claimed', position = start.position + selected.ord, waiting_reason = null
      from held, start, selected
      where commands.id = selected.id and commands.status = ${from} and commands.shard = ${lease.grant.shard}
      returning commands.*
    )
    select ${claimedColumns(db.sql)} from c ${joinMessage(db.sql)} order by position`;
  return rows.map(toCommand);
}

async function claimed({ db, lease }: ClaimDeps, condition: Fragment): Promise<ClaimedCommand[]> {
  const rows = await db.sql<ClaimedRow[]>`
    select ${claimedColumns(db.sql)} from commands c ${joinMessage(db.sql)}
    where c.shard = ${lease.grant.shard} and c.status = 'claimed' and ${condition(db.sql)}
    order by position`;
  return rows.map(toCommand);
}
