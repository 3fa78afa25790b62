import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as run } from "drizzle-orm/postgres-js/migrator";
import { ConfigError } from "../config.ts";
import { grantTables } from "./app-role.ts";
import { holdingMigrationLock } from "./migration-lock.ts";

const folder = fileURLToPath(new URL("./migrations", import.meta.url));

/**
 * Migrates the database to the newest schema and creates the rows of new shards. Safe to run concurrently. Throws
 * `ConfigError` if the database has more shards than `shardCount`. If `appRole` is given, this role can then use all
 * tables.
 */
export async function migrate(url: string, shardCount: number, appRole?: string): Promise<void> {
  await holdingMigrationLock(url, async (sql) => {
    await run(drizzle(sql), { migrationsFolder: folder });
    if (appRole) await grantTables(sql, appRole);
    const [existing] = await sql<{ count: number }[]>`select count(*)::int as count from shards`;
    if (existing && existing.count > shardCount) {
      // An instance keeps its shard forever, so no host would serve the instances of removed shards.
      throw new ConfigError(`SHARDS: can't be less than the ${existing.count} shards that the database has`);
    }
    await sql`insert into shards (id) select generate_series(0, ${shardCount - 1}::int) on conflict do nothing`;
  });
}
