import type postgres from "postgres";
import type { Fragment } from "./page.ts";

/**
 * Returns ids for `= any(…)` whose number the planner doesn't see: it assumes ten. Postgres plans a prepared statement
 * each time if the plan for the given values seems cheaper than one for all values, as it does with fewer than ten ids.
 * Planning a statement with several joins takes ten times as long as its execution.
 * https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
 */
export const someIds = (sql: postgres.ISql, ids: readonly string[]): Fragment =>
  sql`((select ${ids as string[]}::uuid[])::uuid[])`;

/** Returns a time that the planner doesn't see. See `someIds`. */
export const someTime = (sql: postgres.ISql, time: Date): Fragment => sql`(select ${time.toISOString()}::timestamptz)`;
