import type postgres from "postgres";
import { AppError } from "../error.ts";
import type { Database } from "./index.ts";
import { sqlState, sqlStates } from "./sql-state.ts";

/**
 * Runs reads in a transaction whose statements the server cancels after `ms` each. Throws `query_too_broad` if it cancels
 * one, so that a request with expensive filters can't occupy the database.
 */
export async function withTimeLimit<Result>(
  { sql }: Pick<Database, "sql">,
  ms: number,
  work: (sql: postgres.TransactionSql) => Promise<Result>,
): Promise<Result> {
  try {
    return (await sql.begin("read only", async (transaction) => {
      await transaction`select set_config('statement_timeout', ${String(ms)}, true)`;
      return await work(transaction);
    })) as Result;
  } catch (error) {
    if (sqlState(error) !== sqlStates.canceled) throw error;
    const details = `the filters match or skip too many messages to answer within ${ms / 1000} seconds: use a shorter time range, or more specific filters`;
    throw new AppError("query_too_broad", details, { cause: error });
  }
}
