import postgres from "postgres";
import type { Config } from "../config.ts";

/**
 * How a connection pooler, such as pgbouncer, shares the connections of the server. `session`: a client keeps its
 * connection. `transaction`: the next transaction may have another one, so nothing of a session lasts longer.
 */
export type Pooler = NonNullable<Config["DATABASE_POOLER"]>;

/** Options for a connection that works with and without every kind of pooler. */
export const plainConnection = { max: 1, prepare: false, onnotice: () => undefined } as const;

/**
 * Returns whether a connection leads to a pooler. A pooler gives its clients keys for cancelling queries of its own, so the
 * process id in the key is not that of the server's process.
 */
export async function isPooled(sql: postgres.Sql): Promise<boolean> {
  const result = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return result.state.pid !== result[0]?.pid;
}

/** Returns whether the URL leads to a pooler: `transaction`, which also suits a pooler of sessions, or `none`. */
export async function detectPooler(url: string): Promise<Pooler> {
  const sql = postgres(url, { ...plainConnection, connect_timeout: 10 });
  try {
    return (await isPooled(sql)) ? "transaction" : "none";
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * Sets the timeout for idle transactions as a default of the role, because a pooler doesn't pass on parameters of a
 * session. Without it, a frozen process holds its locks until the pooler ends its transaction.
 */
export async function setRoleTimeout(sql: postgres.Sql): Promise<void> {
  await sql.unsafe("alter role current_user set idle_in_transaction_session_timeout = '5s'");
}
