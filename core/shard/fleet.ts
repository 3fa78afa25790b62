import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";
import { aliveMs } from "./status.ts";

/**
 * An admin's order to all session hosts. It states whether the hosts are stopped, and how many live hosts the order
 * affects.
 */
export interface FleetOrder {
  stopped: boolean;
  /** Live hosts. */
  hosts: number;
}

/** Makes all hosts release their shards, as on SIGTERM. No host takes over the released shards. */
export const stopFleet = (db: Database, byUser: string) => setFleet(db, byUser, true);

/**
 * Lets hosts hold shards again. Each host that started before this call restarts once. The hosts restart one after
 * another.
 */
export const restartFleet = (db: Database, byUser: string) => setFleet(db, byUser, false);

async function setFleet(db: Database, byUser: string, stopped: boolean): Promise<FleetOrder> {
  const [row] = await db.sql<FleetOrder[]>`
    insert into fleet (stopped, restart_at, by_user, updated_at)
    values (${stopped}, case when not ${stopped} then clock_timestamp() end, ${byUser}, clock_timestamp())
    on conflict (id) do update set stopped = excluded.stopped, by_user = excluded.by_user, updated_at = excluded.updated_at,
      restart_at = coalesce(excluded.restart_at, fleet.restart_at)
    returning stopped,
      (select count(*)::int from hosts where seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms') as hosts`;
  return row ?? { stopped, hosts: 0 };
}

/** The state of the session hosts, and whether every shard is served. */
export interface FleetState {
  stopped: boolean;
  hosts: {
    /** Known hosts. A host that was killed stays known for a day. */
    total: number;
    alive: number;
    /** Live hosts that are releasing their shards. */
    draining: number;
  };
  shards: {
    total: number;
    /** Shards that a live host holds. */
    held: number;
  };
}

/** Reads the state of the session hosts, by the clock of the database. */
export async function readFleet(db: Database): Promise<FleetState> {
  const [row] = await db.sql<
    { stopped: boolean; total: number; alive: number; draining: number; shards: number; held: number }[]
  >`
    with h as (
      select id, draining_since, seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms' as alive from hosts
    )
    select coalesce((select stopped from fleet), false) as stopped,
      (select count(*)::int from h) as total,
      (select count(*)::int from h where alive) as alive,
      (select count(*)::int from h where alive and draining_since is not null) as draining,
      count(*)::int as shards,
      (count(*) filter (where lease_until > clock_timestamp() and host in (select id from h where alive)))::int as held
    from shards`;
  return {
    stopped: row?.stopped ?? false,
    hosts: { total: row?.total ?? 0, alive: row?.alive ?? 0, draining: row?.draining ?? 0 },
    shards: { total: row?.shards ?? 0, held: row?.held ?? 0 },
  };
}

/** Second key of the advisory lock on restarts. The locks on shards use 0 and above. */
const restartLock = -1;

/**
 * Marks a host as draining. Returns false and does nothing if another live host is draining or is being marked at the
 * same time, so that hosts restart one after another.
 */
export async function startDraining(db: Database, host: string): Promise<boolean> {
  return await db.sql.begin(async (sql) => {
    const [lock] = await sql<
      { acquired: boolean }[]
    >`select pg_try_advisory_xact_lock(${advisoryLock.shard}, ${restartLock}) as acquired`;
    if (!lock?.acquired) return false;
    const rows = await sql`
      update hosts set draining_since = clock_timestamp()
      where id = ${host} and not exists (
        select from hosts other where other.id <> ${host} and other.draining_since is not null
          and other.seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms')
      returning id`;
    return rows.length > 0;
  });
}
