import type { Database } from "../db/index.ts";
import type { ClientVersionSource } from "./shard.sql.ts";

/** A host that has not reported for this many milliseconds counts as dead. */
export const aliveMs = 8_000;

export interface HostStatus {
  id: string;
  version: string;
  startedAt: Date;
  /** When the host last reported. */
  seenAt: Date;
  /** Seconds since the start. */
  age: number;
  alive: boolean;
  /** Whether the host is releasing its shards before it stops or restarts. */
  draining: boolean;
  /** CPU seconds since the start, and memory in bytes. Null before the first report. */
  cpuSeconds: number | null;
  rssBytes: number | null;
  /** The version of WhatsApp Web that the host presents, and when a look-up last succeeded. Null before the first choice. */
  clientVersion: { version: string; source: ClientVersionSource; lookedUpAt: string | null } | null;
  /** The shards that the host holds now. */
  shards: number[];
}

export interface ShardCounts {
  total: number;
  /** Shards that a host holds now. */
  held: number;
}

/**
 * Lists the known session hosts, the oldest first, and counts the held shards. The clock of the database decides how old a
 * report is, and whether a lease has ended.
 */
export async function readHosts(db: Database): Promise<{ hosts: HostStatus[]; shards: ShardCounts }> {
  const [hosts, [shards]] = await Promise.all([
    db.sql<HostStatus[]>`
      select h.id, h.version, h.started_at as "startedAt", h.seen_at as "seenAt",
        greatest(0, extract(epoch from clock_timestamp() - h.started_at))::int as age,
        h.seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms' as alive,
        h.draining_since is not null as draining, h.cpu_ms / 1000.0::float8 as "cpuSeconds", h.rss_bytes::float8 as "rssBytes",
        case when h.client_version is not null then jsonb_build_object('version', h.client_version,
          'source', h.client_version_source, 'lookedUpAt', (select to_char(found_at at time zone 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') from client_version)) end as "clientVersion",
        array(select s.id from shards s where s.host = h.id and s.lease_until > clock_timestamp() order by s.id) as shards
      from hosts h order by h.started_at, h.id`,
    db.sql<ShardCounts[]>`
      select count(*)::int as total, (count(*) filter (where lease_until > clock_timestamp()))::int as held from shards`,
  ]);
  return { hosts: [...hosts], shards: shards ?? { total: 0, held: 0 } };
}
