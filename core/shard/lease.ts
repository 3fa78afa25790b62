import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";

/** The right to serve a shard, as it was granted. */
export interface Grant {
  shard: number;
  epoch: number;
}

/** What a session host calls its connections to Postgres. */
export const connectionName = (host: string) => `session-host ${host}`;

/**
 * Takes a shard whose lease is free or has run out, under the next epoch. Undefined when somebody holds it, or when a
 * transaction of the last holder is still open: its outcome must be known before a successor reads what it wrote.
 */
export async function acquireLease(
  db: Database,
  host: string,
  shard: number,
  leaseMs: number,
): Promise<Grant | undefined> {
  await endTransactionsOfLastHolder(db, shard);
  return await db.sql.begin(async (sql) => {
    const [lock] = await sql<
      { taken: boolean }[]
    >`select pg_try_advisory_xact_lock(${advisoryLock.shard}, ${shard}) as taken`;
    if (!lock?.taken) return undefined;
    const [row] = await sql<{ epoch: number }[]>`
      update shards set host = ${host}, epoch = epoch + 1, lease_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
      where id = ${shard} and (lease_until is null or lease_until < clock_timestamp())
      returning epoch::float8 as epoch`;
    return row && { shard, epoch: row.epoch };
  });
}

/**
 * A host that is frozen, or cut off while its connections seem to live, may have left a transaction open, whose locks would keep
 * everybody from its instances. `idle_in_transaction_session_timeout` does not always end one: a statement of which Postgres
 * has heard the first half is no idling. What began under a lease that has run out is of no use.
 */
async function endTransactionsOfLastHolder(db: Database, shard: number): Promise<void> {
  await db.sql`
    select pg_terminate_backend(pid) from shards join pg_stat_activity on application_name = ${connectionName("")} || host
    where id = ${shard} and lease_until < clock_timestamp() and xact_start < lease_until
      and datname = current_database() and usename = current_user`;
}

/** Prolongs leases that have not run out; answers the shards that were. What is missing has been lost. */
export async function renewLeases(
  db: Database,
  host: string,
  grants: readonly Grant[],
  leaseMs: number,
): Promise<Set<number>> {
  const rows = await db.sql<{ id: number }[]>`
    update shards set lease_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
    from unnest(${grants.map((grant) => grant.shard)}::int[], ${grants.map((grant) => grant.epoch)}::bigint[]) as held(id, epoch)
    where shards.id = held.id and shards.epoch = held.epoch and shards.host = ${host}
      and shards.lease_until > clock_timestamp()
    returning shards.id`;
  return new Set(rows.map((row) => row.id));
}

/** Gives a shard back at once, so that its successor need not wait for the lease to run out. */
export async function releaseLease(db: Database, host: string, grant: Grant): Promise<void> {
  await db.sql`
    update shards set lease_until = null where id = ${grant.shard} and host = ${host} and epoch = ${grant.epoch}`;
}

/** What a host says of itself. */
export interface HostReport {
  id: string;
  startedAt: Date;
  draining: boolean;
  version: string;
  /** Milliseconds that one core was busy for it since it started. */
  cpuMs: number;
  rssBytes: number;
}

/** What a host hears. Instants are seconds since 1970 by the clock of the database, to the microsecond. */
export interface FleetSnapshot {
  /** How many are alive and not about to give their shards back. */
  hosts: number;
  shards: number;
  /** Those that nobody holds now. */
  free: number[];
  /** Whether no host is to hold a shard. */
  stopped: boolean;
  /** Who took up its work before this is to begin anew; 0 when nobody ever was. */
  restartAt: number;
  now: number;
}

/** Says that a host is alive, and answers how things are. Hosts that said nothing for `aliveMs` count as gone. */
export async function reportHost(db: Database, host: HostReport, aliveMs: number): Promise<FleetSnapshot> {
  const [cpuMs, rssBytes] = [Math.round(host.cpuMs), Math.round(host.rssBytes)];
  await db.sql`
    insert into hosts (id, started_at, seen_at, draining_since, version, cpu_ms, rss_bytes)
    values (${host.id}, ${host.startedAt}, clock_timestamp(), case when ${host.draining} then clock_timestamp() end,
      ${host.version}, ${cpuMs}::bigint, ${rssBytes}::bigint)
    on conflict (id) do update set seen_at = clock_timestamp(), cpu_ms = excluded.cpu_ms, rss_bytes = excluded.rss_bytes,
      draining_since = case when ${host.draining} then coalesce(hosts.draining_since, clock_timestamp()) end`;
  const [row] = await db.sql<(Omit<FleetSnapshot, "free"> & { free: number[] | null })[]>`
    select (select count(*)::int from hosts where draining_since is null
        and seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms') as hosts,
      count(*)::int as shards,
      array_agg(id order by id) filter (where lease_until is null or lease_until < clock_timestamp()) as free,
      coalesce((select stopped from fleet), false) as stopped,
      coalesce((select extract(epoch from restart_at) from fleet), 0)::float8 as "restartAt",
      extract(epoch from clock_timestamp())::float8 as now
    from shards`;
  if (!row) throw new Error("a query without a group has no row");
  return { ...row, free: row.free ?? [] };
}

/** Forgets a host that has stopped, and hosts that were not seen for a day. */
export async function forgetHost(db: Database, id: string): Promise<void> {
  await db.sql`delete from hosts where id = ${id} or seen_at < clock_timestamp() - interval '1 day'`;
}

/**
 * Frees the leases of hosts that are known to be dead, so that a host that starts again in place of one that was killed
 * need not wait for them to run out.
 */
export async function releaseDeadHosts(db: Database, isDead: (host: string) => boolean): Promise<void> {
  const rows = await db.sql<
    { host: string }[]
  >`select distinct host from shards where lease_until is not null and host is not null`;
  const dead = rows.map((row) => row.host).filter(isDead);
  if (dead.length === 0) return;
  await db.sql`update shards set lease_until = null where host = any(${dead}::text[])`;
  await db.sql`delete from hosts where id = any(${dead}::text[])`;
}
