import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { systemIds } from "../../../core/id.ts";
import { acquireLease } from "../../../core/shard/lease.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { Lease, leaseTime } from "../../../session-host/concurrency/lease.ts";
import { seedPostgres } from "../postgres.ts";

const leaseMs = 60_000;

/** A Postgres with the schema, for tests of parts of the session host. The shard of an instance or lease is 0 by default. */
export interface ShardDatabase {
  url: string;
  db: Database;
  createInstance(shard?: number): Promise<{ id: string; userId: string }>;
  /** Takes the lease of the shard from its holder. */
  takeLease(shard?: number, host?: string): Promise<{ host: string; lease: Lease }>;
  stop(): Promise<void>;
}

export async function startShardDatabase(): Promise<ShardDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-shard-"));
  await seedPostgres(folder);
  const server = await startPostgres({ dataDir: folder });
  const db = openDatabase(server.url, { max: 3 });
  return {
    url: server.url,
    db,
    async createInstance(shard = 0) {
      const id = systemIds.uuid();
      const userId = systemIds.uuid();
      await db.sql`insert into users (id, email, password_hash) values (${userId}, ${`${userId}@example.com`}, '')`;
      await db.sql`
        insert into instances (id, user_id, name, dialect, shard) values (${id}, ${userId}, 'test', 'gateway', ${shard})`;
      return { id, userId };
    },
    async takeLease(shard = 0, host = systemIds.uuid()) {
      await db.sql`insert into shards (id) values (${shard}) on conflict do nothing`;
      await db.sql`update shards set lease_until = null where id = ${shard}`;
      const asked = leaseTime();
      const grant = await acquireLease(db, host, shard, leaseMs);
      if (!grant) throw new Error(`shard ${shard} is taken`);
      const lease = new Lease(grant);
      lease.extend(asked, leaseMs);
      return { host, lease };
    },
    async stop() {
      await db.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
