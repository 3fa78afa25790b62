import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";
import type { ClientVersionSource } from "./shard.sql.ts";

/** A granted lease: the right to serve a shard. */
export interface Grant {
  shard: number;
  epoch: number;
}

/** Returns the name of a session host's connections in `pg_stat_activity`. */
export const connectionName = (host: string) => `session-host ${host}`;

/**
 * Acquires a shard whose lease is free or has expired, under the next epoch. Returns undefined if another host holds
 * it, or if a transaction of the last holder is still open. That transaction must end first, so that the new holder
 * reads everything that the last holder wrote.
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
      { acquired: boolean }[]
    >`select pg_try_advisory_xact_lock(${advisoryLock.shard}, ${shard}) as acquired`;
    if (!lock?.acquired) return undefined;
    const [row] = await sql<{ epoch: number }[]>`
      update shards set host = ${host}, epoch = epoch + 1, lease_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
      where id = ${shard} and (lease_until is null or lease_until < clock_timestamp())
      returning epoch::float8 as epoch`;
    return row && { shard, epoch: row.epoch };
  });
}

/**
 * Terminates the open transactions of the last holder, whose locks would block the next holder. A host that is frozen
 * or was cut off from the database can leave such transactions. `idle_in_transaction_session_timeout` does not end all
 * of them: while Postgres has received only part of a statement, the transaction is not idle. These transactions began
 * under the expired lease, so they must not take effect anyway.
 */
async function endTransactionsOfLastHolder(db: Database, shard: number): Promise<void> {
  await db.sql`
    select pg_terminate_backend(pid) from shards join pg_stat_activity on application_name = ${connectionName("")} || host
    where id = ${shard} and lease_until < clock_timestamp() and xact_start < lease_until
      and datname = current_database() and usename = current_user`;
}

/** Releases a shard at once, so that the next holder does not wait for the lease to expire. */
export async function releaseLease(db: Database, host: string, grant: Grant): Promise<void> {
  await db.sql`
    update shards set lease_until = null where id = ${grant.shard} and host = ${host} and epoch = ${grant.epoch}`;
}

/** What a session host reports about itself. */
export interface HostReport {
  id: string;
  startedAt: Date;
  draining: boolean;
  version: string;
  /** See `PROCESS_PLACE`. */
  place?: string | undefined;
  /** CPU time since the start, in milliseconds. */
  cpuMs: number;
  rssBytes: number;
  /** The version of WhatsApp Web that the host presents. Undefined before the first choice. */
  clientVersion?: { version: string; source: ClientVersionSource } | undefined;
}

/**
 * The fleet as a host sees it when it reports. Instants are seconds since 1970 by the clock of the database, to the
 * microsecond.
 */
export interface FleetSnapshot {
  /** Live hosts that are not draining. */
  hosts: number;
  shards: number;
  /** Shards that no host holds. */
  free: number[];
  /** Whether an admin has stopped the session hosts. */
  stopped: boolean;
  /** Hosts that started before this instant must restart; 0 if no restart was ever requested. */
  restartAt: number;
  now: number;
  /** The shards whose leases were renewed. */
  renewed: number[];
}

/** The leases that a host renews when it reports. */
export interface Renewal {
  grants: readonly Grant[];
  leaseMs: number;
}

/**
 * Reports that a host is alive, renews its leases and returns the state of the fleet, in one statement. Hosts that have
 * not reported for `aliveMs` count as gone. A lease that has expired, or that another host holds, is not renewed: the
 * shard is lost.
 */
export async function reportHost(
  db: Database,
  host: HostReport,
  aliveMs: number,
  { grants, leaseMs }: Renewal = { grants: [], leaseMs: 0 },
): Promise<FleetSnapshot> {
  const [cpuMs, rssBytes] = [Math.round(host.cpuMs), Math.round(host.rssBytes)];
  const { clientVersion } = host;
  // The rest of the statement doesn't see the row that `reported` writes, so it counts the other hosts and adds this one.
  const [row] = await db.sql<(FleetSnapshot & { free: number[] | null; renewed: number[] | null })[]>`
    with reported as (
      insert into hosts (id, started_at, seen_at, draining_since, version, place, cpu_ms, rss_bytes, client_version,
        client_version_source)
      values (${host.id}, ${host.startedAt}, clock_timestamp(), case when ${host.draining} then clock_timestamp() end,
        ${host.version}, ${host.place ?? null}, ${cpuMs}::bigint, ${rssBytes}::bigint, ${clientVersion?.version ?? null},
        ${clientVersion?.source ?? null})
      on conflict (id) do update set seen_at = clock_timestamp(), cpu_ms = excluded.cpu_ms,
        rss_bytes = excluded.rss_bytes, client_version = excluded.client_version,
        client_version_source = excluded.client_version_source,
        draining_since = case when ${host.draining} then coalesce(hosts.draining_since, clock_timestamp()) end
    ), renewed as (
      update shards set lease_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
      from unnest(${grants.map((grant) => grant.shard)}::int[], ${grants.map((grant) => grant.epoch)}::bigint[]) as held(id, epoch)
      where shards.id = held.id and shards.epoch = held.epoch and shards.host = ${host.id}
        and shards.lease_until > clock_timestamp()
      returning shards.id
    )
    select (select count(*)::int from hosts where id <> ${host.id} and draining_since is null
        and seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms') + ${host.draining ? 0 : 1}::int as hosts,
      count(*)::int as shards,
      array_agg(id order by id) filter (where lease_until is null or lease_until < clock_timestamp()) as free,
      coalesce((select stopped from fleet), false) as stopped,
      coalesce((select extract(epoch from restart_at) from fleet), 0)::float8 as "restartAt",
      extract(epoch from clock_timestamp())::float8 as now,
      (select array_agg(id) from renewed) as renewed
    from shards`;
  if (!row) throw new Error("an aggregate query returned no row");
  return { ...row, free: row.free ?? [], renewed: row.renewed ?? [] };
}

/** Removes a host that has stopped, and hosts that have not reported for a day. */
export async function forgetHost(db: Database, id: string): Promise<void> {
  await db.sql`delete from hosts where id = ${id} or seen_at < clock_timestamp() - interval '1 day'`;
}

/**
 * Releases the leases of hosts that are known to be dead, so that a host that replaces a killed host does not wait
 * until these leases expire.
 */
export async function releaseDeadHosts(db: Database, isDead: (host: string) => boolean): Promise<void> {
  const rows = await db.sql<
    { host: string }[]
  >`select distinct host from shards where lease_until is not null and host is not null`;
  await releaseHosts(db, rows.map((row) => row.host).filter(isDead));
}

/** Releases the leases of all earlier hosts of a place. Call this only while no such host can run. */
export async function releaseHostsOf(db: Database, place: string): Promise<void> {
  const rows = await db.sql<{ id: string }[]>`select id from hosts where place = ${place}`;
  await releaseHosts(
    db,
    rows.map((row) => row.id),
  );
}

async function releaseHosts(db: Database, dead: readonly string[]): Promise<void> {
  if (dead.length === 0) return;
  // Postgres may not have noticed yet that the connections of a dead host are gone. Their locks would delay the next host.
  await db.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = any(${dead.map(connectionName)}::text[]) and datname = current_database()
      and usename = current_user`;
  await db.sql`update shards set lease_until = null where host = any(${dead as string[]}::text[])`;
  await db.sql`delete from hosts where id = any(${dead as string[]}::text[])`;
}
