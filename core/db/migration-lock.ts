import postgres from "postgres";
import { advisoryLock } from "./advisory-lock.ts";
import { plainConnection } from "./pooler.ts";

/**
 * Calls `work` while no other process migrates the database. An open transaction on a second connection holds the lock:
 * behind a pooler, a lock of a session would stay with a connection that other clients use.
 */
export async function holdingMigrationLock(url: string, work: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const [holder, sql] = [postgres(url, plainConnection), postgres(url, plainConnection)];
  try {
    await holder.begin(async (transaction) => {
      // Another process may migrate for a long time, and so may this one.
      for (const timeout of ["statement_timeout", "idle_in_transaction_session_timeout"])
        await transaction`select set_config(${timeout}, '0', true)`;
      // The simple protocol leaves no open portal, whose snapshot CREATE INDEX CONCURRENTLY would wait for.
      await transaction.unsafe(`select pg_advisory_xact_lock(${advisoryLock.migration})`).simple();
      await work(sql);
    });
  } finally {
    await Promise.all([sql.end({ timeout: 5 }), holder.end({ timeout: 5 })]);
  }
}
