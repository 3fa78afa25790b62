import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { defined } from "../object.ts";
import { storableText } from "../text.ts";
import type { Pooler } from "./pooler.ts";

export { storableText } from "../text.ts";

/** A pool of connections to Postgres. `sql` (tagged templates) is for frequent statements, `orm` (Drizzle) for the others. */
export interface Database {
  sql: postgres.Sql;
  orm: PostgresJsDatabase;
  /** How long `answerOf` and shared commits wait for an answer, in milliseconds. Undefined means their defaults. */
  answerMs?: number | undefined;
  /** Listens for notifications on a connection of its own, which `close` ends. `ready` rejects if it can't be opened. */
  listen(channel: string, onNotification: (payload: string) => void): Listening;
  close(): Promise<void>;
}

export interface Listening {
  ready: Promise<unknown>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Maximum number of connections. */
  max?: number;
  /** Whether to prepare statements. Turn it off behind a pooler that shares sessions, such as RDS Proxy. */
  prepare?: boolean;
  /** The pooler that the URL leads to. Default `none`. */
  pooler?: Pooler | undefined;
  /** How long statements of requests wait for an answer, in milliseconds (`answerOf`). */
  answerMs?: number;
  /** The `application_name` in `pg_stat_activity`. */
  name?: string;
  /**
   * The server cancels statements that take longer than this, in milliseconds, even a statement that a frozen process
   * has sent only in part. Default: no limit.
   */
  statementTimeoutMs?: number;
  /**
   * The server ends transactions that are idle longer than this, in milliseconds, so that a frozen process holds no
   * locks. Default: 10 s.
   */
  idleInTransactionTimeoutMs?: number;
}

export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const pooler = options.pooler ?? "none";
  // A pooler refuses parameters of a session that it doesn't know. `setRoleTimeout` replaces one of them.
  const timeouts = {
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
    ...defined({ statement_timeout: options.statementTimeoutMs }),
  };
  const settings = {
    max: options.max ?? 10,
    prepare: pooler === "transaction" ? false : (options.prepare ?? true),
    connect_timeout: 10,
    onnotice: () => undefined,
    connection: { application_name: options.name ?? "switchboard", ...(pooler === "none" ? timeouts : {}) },
  };
  const sql = postgres(url, settings);
  return {
    sql,
    orm: createOrm(sql),
    answerMs: options.answerMs,
    listen: (channel, onNotification) => {
      const own = postgres(url, settings);
      // The connection would be given to another client, which then gets the notifications.
      const isShared = pooler === "transaction";
      const ready = isShared ? Promise.reject(new Error("a pooler shares it")) : own.listen(channel, onNotification);
      // Whoever waits for `ready` gets the error.
      ready.catch(() => undefined);
      return { ready, close: () => own.end({ timeout: 1 }) };
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

/**
 * Creates Drizzle and undoes its changes to the driver. Drizzle turns off the driver's conversion of dates and of arrays of
 * dates, which our own statements need. Drizzle works with the conversion too. The conversion of JSON stays off, because
 * our statements pass JSON as text.
 */
function createOrm(sql: postgres.Sql): PostgresJsDatabase {
  const { parsers, serializers } = sql.options;
  const saved = [parsers, serializers].map((conversions) => ({ conversions, original: { ...conversions } }));
  const orm = drizzle(sql);
  for (const { conversions, original } of saved) {
    for (const type of Object.keys(conversions).map(Number)) {
      if (type === jsonType || type === jsonbType) continue;
      const conversion = original[type];
      if (conversion) conversions[type] = conversion;
      else delete conversions[type];
    }
  }
  return orm;
}

/** Object identifiers of types in Postgres (`pg_type`). */
const jsonType = 114;
const jsonbType = 3802;

/** Returns JSON that `jsonb` can store: each string in it is text that `storableText` returns. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? storableText(part) : part));
}
