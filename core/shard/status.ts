import type { Database } from "../db/index.ts";

/** A host that has not said for so long that it is alive counts as gone. Milliseconds. */
export const aliveMs = 8_000;

export interface HostStatus {
  id: string;
  version: string;
  startedAt: Date;
  /** When it last said that it is alive. */
  seenAt: Date;
  /** Seconds since it started. */
  age: number;
  alive: boolean;
  /** It gives its shards back: it is about to stop or to begin anew. */
  draining: boolean;
  /** Seconds that one core was busy for it since it started, and what it takes of memory; null before it has said so. */
  cpuSeconds: number | null;
  rssBytes: number | null;
  /** Those that it holds now. */
  shards: number[];
}

export interface ShardCounts {
  total: number;
  /** Held by some host now. */
  held: number;
}

/** The session hosts that are known, the oldest first, and how the shards are shared out. By the clock of the database. */
export async function readHosts(db: Database): Promise<{ hosts: HostStatus[]; shards: ShardCounts }> {
  const [hosts, [shards]] = await Promise.all([
    db.sql<HostStatus[]>`
      select h.id, h.version, h.started_at as "startedAt", h.seen_at as "seenAt",
        greatest(0, extract(epoch from clock_timestamp() - h.started_at))::int as age,
        h.seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms' as alive,
        h.draining_since is not null as draining, h.cpu_ms / 1000.0::float8 as "cpuSeconds", h.rss_bytes::float8 as "rssBytes",
        array(select s.id from shards s where s.host = h.id and s.lease_until > clock_timestamp() order by s.id) as shards
      from hosts h order by h.started_at, h.id`,
    db.sql<ShardCounts[]>`
      select count(*)::int as total, (count(*) filter (where lease_until > clock_timestamp()))::int as held from shards`,
  ]);
  return { hosts: [...hosts], shards: shards ?? { total: 0, held: 0 } };
}
