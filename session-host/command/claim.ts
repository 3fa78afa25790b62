import type postgres from "postgres";
import { positionsPerClaim } from "../../core/command/command.sql.ts";
import type { Database } from "../../core/db/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import { type ClaimedCommand, type ClaimedRow, claimedColumns, joinMessage, toCommand } from "./claimed-command.ts";

/** The shard to claim for, and the lease that permits it. */
export interface ClaimDeps {
  db: Database;
  host: string;
  lease: Lease;
}

/**
 * Claims the commands that the queue delivered, in the order given. From then on the database holds them, and they may leave
 * the queue. Skips ids that were claimed before, have failed, or went with their instance.
 */
export function claimCommands(deps: ClaimDeps, ids: readonly string[]): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "queued",
    null,
    (sql) => sql`select id, ord from unnest(${ids}::uuid[]) with ordinality as t(id, ord)`,
  );
}

/**
 * Claims the commands that were accepted longer ago than `olderThanMs` and have not come through the queue. A host that died
 * with messages received blocks their message groups until SQS's visibility timeout; the database has the commands already.
 */
export function claimWaiting(deps: ClaimDeps, position: number, olderThanMs: number): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "queued",
    position,
    (sql) => sql`
      select id, row_number() over (order by created_at, id) as ord from commands
      where status = 'queued' and shard = ${deps.lease.grant.shard}
        and created_at < clock_timestamp() - ${olderThanMs} * interval '1 ms'
      order by created_at, id limit 1000`,
  );
}

/** Claims scheduled sends that are due, in the order of their times. The next claim takes what exceeds the limit. */
export function claimDue(deps: ClaimDeps, position: number): Promise<ClaimedCommand[]> {
  return claim(
    deps,
    "scheduled",
    position,
    (sql) => sql`
      select id, row_number() over (order by run_at, id) as ord from commands
      where status = 'scheduled' and bulk_id is null and shard = ${deps.lease.grant.shard} and run_at <= clock_timestamp()
      order by run_at, id limit 1000`,
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

/** Reserves the positions of a claim that is about to be made, so that `claimedAt` can find what it took. */
export async function nextPosition({ db }: ClaimDeps): Promise<number> {
  const [row] = await db.sql<{ position: number }[]>`select nextval('command_position')::float8 as position`;
  if (!row) throw new Error("the sequence of positions returned no row");
  return row.position;
}

/** Returns the claimed commands at the positions of one claim. */
export function claimedAt(deps: ClaimDeps, position: number): Promise<ClaimedCommand[]> {
  const last = position + positionsPerClaim - 1;
  return claimed(deps, (sql) => sql`c.position between ${position} and ${last}`);
}

/** Returns those of these commands that are claimed. */
export function claimedAmong(deps: ClaimDeps, ids: readonly string[]): Promise<ClaimedCommand[]> {
  return claimed(deps, (sql) => sql`c.id = any(${ids}::uuid[])`);
}

/** Returns the commands that the last host of the shard, or this one before it died, had claimed and not finished. */
export function unfinishedCommands(deps: ClaimDeps): Promise<ClaimedCommand[]> {
  return claimed(deps, (sql) => sql`true`);
}

/** Counts that a command is begun that might crash the host. Returns how often it has been begun. */
export async function countAttempt({ db, host, lease }: ClaimDeps, id: string): Promise<number> {
  const [row] = await db.sql<{ attempts: number }[]>`
    update commands set attempts = attempts + 1
    from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
    where id = ${id} returning attempts`;
  return row?.attempts ?? 1;
}

type Fragment = (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>;

/** Claims what `asked` selects (`id`, `ord` from 1), at these positions or the next ones. One statement, under the lease. */
async function claim(
  { db, host, lease }: ClaimDeps,
  from: "queued" | "scheduled",
  position: number | null,
  asked: Fragment,
): Promise<ClaimedCommand[]> {
  const rows = await db.sql<ClaimedRow[]>`
    with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
    start as materialized (select coalesce(${position}::bigint, nextval('command_position')) as position),
    asked as materialized (${asked(db.sql)}),
    c as (
      update commands set status = 'claimed', position = start.position + asked.ord
      from held, start, asked
      where commands.id = asked.id and commands.status = ${from} and commands.shard = ${lease.grant.shard}
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
