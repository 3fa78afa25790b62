import type postgres from "postgres";
import { ConfigError } from "../config.ts";
import { version } from "../version.ts";
import { grantTables } from "./app-role.ts";
import { type Migration, readMigrations } from "./migration-file.ts";
import { holdingMigrationLock } from "./migration-lock.ts";
import { runMigrations } from "./migration-run.ts";

export interface MigrateOptions {
  /** This role can then use all tables. */
  appRole?: string | undefined;
  /**
   * Whether to run the migrations that drop what the previous version uses. False while that version runs. Default:
   * true. While a session host of another version reports, these migrations wait for a later call.
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
    await runMigrations(sql, migrations, { contract: contract && !(await otherVersionRuns(sql)), signal });
    if (appRole) await grantTables(sql, appRole);
    const [existing] = await sql<{ count: number }[]>`select count(*)::int as count from shards`;
    if (existing && existing.count > shardCount) {
      // An instance keeps its shard forever, so no host would serve the instances of removed shards.
      throw new ConfigError(`SHARDS: can't be less than the ${existing.count} shards that the database has`);
    }
    await sql`insert into shards (id) select generate_series(0, ${shardCount - 1}::int) on conflict do nothing`;
  });
}

/** Whether a session host of another version has reported within a minute. */
async function otherVersionRuns(sql: postgres.Sql): Promise<boolean> {
  const [table] = await sql<{ exists: boolean }[]>`select to_regclass('public.hosts') is not null as exists`;
  if (!table?.exists) return false;
  const rows = await sql`
    select from hosts where version <> ${version} and seen_at > clock_timestamp() - interval '1 minute' limit 1`;
  return rows.length > 0;
}
