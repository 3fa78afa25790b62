import { ConfigError } from "../config.ts";
import { grantTables } from "./app-role.ts";
import { type Migration, readMigrations } from "./migration-file.ts";
import { holdingMigrationLock } from "./migration-lock.ts";
import { runMigrations } from "./migration-run.ts";

export interface MigrateOptions {
  /** This role can then use all tables. */
  appRole?: string | undefined;
  /**
   * Whether to run the migrations that drop what the previous version uses. False while that version runs. Default:
   * true.
   */
  contract?: boolean | undefined;
  /** Ends the migration early: it throws `MigrationUnfinished`, and the next call continues. */
  signal?: AbortSignal | undefined;
  /** Default: all migrations. */
  migrations?: readonly Migration[] | undefined;
}

/**
 * Migrates the database to the newest schema and creates the rows of new shards. Safe to run concurrently, and while the
 * previous version serves. Throws `ConfigError` if the database has more shards than `shardCount`.
 */
export async function migrate(url: string, shardCount: number, options: MigrateOptions = {}): Promise<void> {
  const { appRole, contract = true, signal = new AbortController().signal } = options;
  const migrations = options.migrations ?? (await readMigrations());
  await holdingMigrationLock(url, async (sql) => {
    await runMigrations(sql, migrations, { contract, signal });
    if (appRole) await grantTables(sql, appRole);
    const [existing] = await sql<{ count: number }[]>`select count(*)::int as count from shards`;
    if (existing && existing.count > shardCount) {
      // An instance keeps its shard forever, so no host would serve the instances of removed shards.
      throw new ConfigError(`SHARDS: can't be less than the ${existing.count} shards that the database has`);
    }
    await sql`insert into shards (id) select generate_series(0, ${shardCount - 1}::int) on conflict do nothing`;
  });
}
