import { setTimeout as sleep } from "node:timers/promises";
import type postgres from "postgres";
import type { Migration, Step } from "./migration-file.ts";
import { isPooled } from "./pooler.ts";
import { sqlState, sqlStates } from "./sql-state.ts";

/** The migration stopped at its deadline. The next call continues where it stopped. */
export class MigrationUnfinished extends Error {
  constructor(reason = "the migration is not finished") {
    super(`${reason}: run it again to continue`);
    this.name = "MigrationUnfinished";
  }
}

/**
 * How long a step waits for a lock, in milliseconds. Other statements wait behind it meanwhile. Longer than
 * `deadlock_timeout` (1 s), after which a waiting statement cancels an autovacuum of the table.
 */
const lockMs = 2_000;
/**
 * The same for a slice. Shorter than `deadlock_timeout`, so that in a deadlock the slice gives up, and no statement of a
 * host or function.
 */
const sliceLockMs = 500;
/** The longest time that a step may hold a lock, in milliseconds. Less than the 10 seconds of a lease. */
const stepMs = 6_000;
/** Attempts of one step: more than 20 minutes with the pauses between them. */
const attempts = 300;
/** Leaves the database time for other work, in milliseconds. */
const slicePauseMs = 5;

/** Errors after which a step is tried again: a lock was not free, or the step took too long. */
const passing: readonly string[] = [sqlStates.lockNotAvailable, sqlStates.deadlock, sqlStates.canceled];

export interface RunOptions {
  /** Whether to run migrations that drop what the previous version uses. Called once, if there is one to run. */
  mayContract(): Promise<boolean>;
  /** When it aborts, the run throws `MigrationUnfinished` as soon as possible. */
  signal: AbortSignal;
}

/**
 * Applies the migrations that are not applied yet. Holds no lock for long, so that the previous version keeps its leases
 * meanwhile. Continues after the last completed step or slice of an earlier run.
 */
export async function runMigrations(sql: postgres.Sql, migrations: readonly Migration[], options: RunOptions) {
  // The tables of Drizzle's migrator, which applied the migrations of earlier versions.
  await sql`create schema if not exists drizzle`;
  await sql`
    create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
  await sql`
    create table if not exists drizzle.migration_steps (migration bigint primary key, done int not null, cursor text)`;
  const rows = await sql<{ when: string }[]>`select created_at as when from drizzle.__drizzle_migrations`;
  const applied = new Set(rows.map(({ when }) => Number(when)));
  let contract: boolean | undefined;
  for (const migration of migrations) {
    if (applied.has(migration.when)) continue;
    if (migration.contract) {
      contract ??= await options.mayContract();
      if (!contract) continue;
    }
    await runMigration(sql, migration, options);
  }
}

async function runMigration(sql: postgres.Sql, migration: Migration, { signal }: RunOptions): Promise<void> {
  const { when, hash, steps, timed, tag } = migration;
  const [progress] = await sql<{ done: number }[]>`select done from drizzle.migration_steps where migration = ${when}`;
  for (let index = progress?.done ?? 0; index < steps.length; index++) {
    const step = steps[index] as Step;
    const finish = (on: postgres.ISql) => on`
      insert into drizzle.migration_steps (migration, done) values (${when}, ${index + 1})
      on conflict (migration) do update set done = excluded.done, cursor = null`;
    const place = `step ${index + 1} of the migration ${tag}`;
    if (step.kind === "slices") await runSlices(sql, step, { when, index, place, signal, finish });
    else if (step.kind === "concurrent") {
      await retrying(place, signal, () => runConcurrently(sql, step, signal));
      await finish(sql);
    } else {
      await retrying(place, signal, () =>
        sql.begin(async (transaction) => {
          await limit(transaction, lockMs, timed ? stepMs : 0);
          await transaction.unsafe(step.sql).simple();
          await finish(transaction);
        }),
      );
    }
  }
  await sql.begin(async (transaction) => {
    await transaction`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${when})`;
    await transaction`delete from drizzle.migration_steps where migration = ${when}`;
  });
}

/** Sets the limits of a transaction. The settings end with it, because a pooler may share the session. */
async function limit(transaction: postgres.ISql, lock: number, statement: number): Promise<void> {
  await transaction`
    select set_config('lock_timeout', ${String(lock)}, true), set_config('statement_timeout', ${String(statement)}, true)`;
}

interface Slices {
  when: number;
  index: number;
  place: string;
  signal: AbortSignal;
  finish(on: postgres.ISql): PromiseLike<unknown>;
}

async function runSlices(sql: postgres.Sql, step: Step, { when, index, place, signal, finish }: Slices): Promise<void> {
  for (let ended = false; !ended; ) {
    ended = await retrying(place, signal, () =>
      sql.begin(async (transaction) => {
        await limit(transaction, sliceLockMs, stepMs);
        const [at] = await transaction<{ cursor: string | null }[]>`
          select cursor from drizzle.migration_steps where migration = ${when}`;
        const [row] = await transaction.unsafe<{ next: string | null }[]>(step.sql, [at?.cursor ?? null]);
        if (row?.next == null) await finish(transaction);
        else
          await transaction`
            insert into drizzle.migration_steps (migration, done, cursor) values (${when}, ${index}, ${row.next})
            on conflict (migration) do update set cursor = excluded.cursor`;
        return row?.next == null;
      }),
    );
    if (!ended) await sleep(slicePauseMs);
  }
}

/** Calls `work`, again after a pause while it fails because of a lock. */
async function retrying<Result>(place: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    if (signal.aborted) throw new MigrationUnfinished();
    try {
      return await work();
    } catch (error) {
      if (!passing.includes(sqlState(error) ?? "")) throw error;
      if (attempt === attempts)
        throw new Error(`${place} did not succeed in ${attempts} attempts: end long transactions, and run it again`, {
          cause: error,
        });
      // At least as long as the step delayed others, so that they make progress.
      await sleep(Math.min(attempt * lockMs, 5_000), undefined, { signal }).catch(() => undefined);
    }
  }
}

const builds = /create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?"?(\w+)"?/i;
const pollMs = 200;

/**
 * Builds an index, or drops one, without a lock that delays reads or writes. A build that an earlier run began goes on in
 * the server even if its client has ended, so waits for it. Drops what a failed build left, and builds it again.
 */
async function runConcurrently(sql: postgres.Sql, step: Step, signal: AbortSignal): Promise<void> {
  // A limit of the role or the database would cancel every attempt. Other steps set limits of their own. Behind a pooler,
  // other clients would get the setting.
  if (!(await isPooled(sql))) await sql.unsafe("set statement_timeout = 0; set lock_timeout = 0").simple();
  const name = builds.exec(step.sql)?.[1];
  if (name !== undefined) {
    for (let state = await stateOf(sql, name); state !== "missing"; state = await stateOf(sql, name)) {
      if (state === "valid") return;
      if (signal.aborted) throw new MigrationUnfinished();
      if (state === "building") await sleep(pollMs);
      else await unlessAborted(signal, sql.unsafe(`drop index concurrently if exists "${name}"`).simple());
    }
  }
  await unlessAborted(signal, sql.unsafe(step.sql).simple());
}

async function stateOf(sql: postgres.Sql, name: string): Promise<"missing" | "valid" | "building" | "invalid"> {
  // Read before the index: a statement that is no longer active has committed. The view of the progress of builds is too
  // early, because a build leaves it before it commits.
  const active = await sql`
    select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
      and query ilike ${`%index concurrently%${name}%`}`;
  const [index] = await sql<{ valid: boolean }[]>`
    select indisvalid and indisready as valid from pg_index where indexrelid = to_regclass(${`public.${name}`})`;
  if (index?.valid) return "valid";
  if (active.length > 0) return "building";
  return index ? "invalid" : "missing";
}

/** Waits for a statement, or until `signal` aborts. The server then completes the statement on its own. */
async function unlessAborted(signal: AbortSignal, statement: Promise<unknown>): Promise<void> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new MigrationUnfinished());
  });
  signal.addEventListener("abort", abort, { once: true });
  // After an abort, nobody waits for the statement any more. Before it, the race below reports its error.
  statement.catch(() => undefined);
  try {
    await Promise.race([statement, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
