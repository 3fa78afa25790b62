import { setTimeout as sleep } from "node:timers/promises";
import type postgres from "postgres";
import { ConfigError } from "../config.ts";
import { version } from "../version.ts";
import { grantTables } from "./app-role.ts";
import { type Migration, readMigrations } from "./migration-file.ts";
import { holdingMigrationLock } from "./migration-lock.ts";
import { MigrationUnfinished, runMigrations } from "./migration-run.ts";

export interface MigrateOptions {
  /** This role can then use all tables. */
  appRole?: string | undefined;
  /**
   * Whether to run the migrations that drop what the previous version uses. False while that version runs. Default:
   * true. While a session host of another version reports, these migrations are left for a later call, or with
   * `required`, the call waits and then runs them.
   */
  contract?: boolean | "required" | undefined;
  /** Ends the migration early: it throws `MigrationUnfinished`, and the next call continues. */
  signal?: AbortSignal | undefined;
  /** Default: all migrations. */
  migrations?: readonly Migration[] | undefined;
}

/** How often a call looks whether the session hosts of another version have stopped, in milliseconds. */
const pollMs = 1_000;

/**
 * Migrates the database to the newest schema and creates the rows of new shards. Safe to run concurrently, and while the
 * previous version serves. Throws `ConfigError` if the database has more shards than `shardCount`.
 */
export async function migrate(url: string, shardCount: number, options: MigrateOptions = {}): Promise<void> {
  const { appRole, contract = true, signal = new AbortController().signal } = options;
  const migrations = options.migrations ?? (await readMigrations());
  const migrateAll = async (sql: postgres.Sql) => {
    await runMigrations(sql, migrations, { mayContract: () => mayContract(sql, contract, signal), signal });
    if (appRole) await grantTables(sql, appRole);
    const [existing] = await sql<{ count: number }[]>`select count(*)::int as count from shards`;
    if (existing && existing.count > shardCount) {
      // An instance keeps its shard forever, so no host would serve the instances of removed shards.
      throw new ConfigError(`SHARDS: can't be less than the ${existing.count} shards that the database has`);
    }
    await sql`insert into shards (id) select generate_series(0, ${shardCount - 1}::int) on conflict do nothing`;
  };
  await holdingMigrationLock(url, migrateAll, signal);
}

async function mayContract(
  sql: postgres.Sql,
  contract: NonNullable<MigrateOptions["contract"]>,
  signal: AbortSignal,
): Promise<boolean> {
  if (!contract) return false;
  while (await otherVersionRuns(sql)) {
    if (contract !== "required") return false;
    if (signal.aborted) throw new MigrationUnfinished("a session host of another version still runs");
    // An abort ends the pause early, and the next round reports it.
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
  return true;
}

/**
 * Whether a session host of another version has reported within a minute. Builds with the same version in `package.json`
 * count as equal.
 */
async function otherVersionRuns(sql: postgres.Sql): Promise<boolean> {
  const [table] = await sql<{ exists: boolean }[]>`select to_regclass('public.hosts') is not null as exists`;
  if (!table?.exists) return false;
  const rows = await sql`
    select from hosts where version <> ${version} and seen_at > clock_timestamp() - interval '1 minute' limit 1`;
  return rows.length > 0;
}
