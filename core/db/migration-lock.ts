import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { advisoryLock } from "./advisory-lock.ts";
import { MigrationUnfinished } from "./migration-run.ts";
import { plainConnection } from "./pooler.ts";

/** How often a process tries to get the lock that another one holds, in milliseconds. */
const pollMs = 200;

/**
 * Calls `work` while no other process migrates the database. An open transaction on a second connection holds the lock:
 * behind a pooler, a lock of a session would stay with a connection that other clients use. Throws `MigrationUnfinished` if
 * `signal` aborts before the lock is free.
 */
export async function holdingMigrationLock(
  url: string,
  work: (sql: postgres.Sql) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const [holder, sql] = [postgres(url, plainConnection), postgres(url, plainConnection)];
  try {
    await holder.begin(async (transaction) => {
      // Another process may migrate for a long time, and so may this one.
      for (const timeout of ["statement_timeout", "idle_in_transaction_session_timeout"])
        await transaction`select set_config(${timeout}, '0', true)`;
      // CREATE INDEX CONCURRENTLY of another process would wait for the snapshot of a statement that waits for the lock, and
      // here for the snapshot of an open portal, which the simple protocol doesn't leave.
      const acquire = `select pg_try_advisory_xact_lock(${advisoryLock.migration}) as acquired`;
      while (!(await transaction.unsafe<{ acquired: boolean }[]>(acquire).simple())[0]?.acquired) {
        if (signal?.aborted) throw new MigrationUnfinished();
        await sleep(pollMs, undefined, { signal }).catch(() => undefined);
      }
      await work(sql);
    });
  } finally {
    await Promise.all([sql.end({ timeout: 5 }), holder.end({ timeout: 5 })]);
  }
}
