import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { defined } from "../object.ts";

/** A pool of connections to Postgres: tagged templates for frequent statements, Drizzle for the others. */
export interface Database {
  sql: postgres.Sql;
  orm: PostgresJsDatabase;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Maximum number of connections. A Lambda uses one. */
  max?: number;
  /** Whether to prepare statements. Turn it off behind a pooler that shares sessions, such as RDS Proxy. */
  prepare?: boolean;
  /** The name in `pg_stat_activity`. */
  name?: string;
  /**
   * The server cancels statements that take longer (milliseconds), even one that a frozen process has sent only in
   * part.
   */
  statementTimeoutMs?: number;
  /** The server ends transactions that idle longer (milliseconds), so that a frozen process holds no locks. */
  idleInTransactionTimeoutMs?: number;
}

export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const sql = postgres(url, {
    max: options.max ?? 10,
    prepare: options.prepare ?? true,
    connect_timeout: 10,
    onnotice: () => undefined,
    connection: {
      application_name: options.name ?? "switchboard",
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
      ...defined({ statement_timeout: options.statementTimeoutMs }),
    },
  });
  return { sql, orm: overDriver(sql), close: () => sql.end({ timeout: 5 }) };
}

/**
 * Creates Drizzle without its side effects on the driver. Drizzle turns off the driver's conversion of dates, for
 * values and arrays. It works with the conversion on too, and our own statements need it, so the conversions are
 * restored. JSON stays off: JSON is passed as text.
 */
function overDriver(sql: postgres.Sql): PostgresJsDatabase {
  const { parsers, serializers } = sql.options;
  const before = [parsers, serializers].map((conversions) => ({ conversions, kept: { ...conversions } }));
  const orm = drizzle(sql);
  for (const { conversions, kept } of before) {
    for (const type of Object.keys(conversions).map(Number)) {
      if (type === jsonType || type === jsonbType) continue;
      const conversion = kept[type];
      if (conversion) conversions[type] = conversion;
      else delete conversions[type];
    }
  }
  return orm;
}

/** Object identifiers of types in Postgres (`pg_type`). */
const jsonType = 114;
const jsonbType = 3802;

/** Returns text that Postgres can store: without NUL and lone surrogates, which WhatsApp users can send. */
export function storableText(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}

/** Returns JSON text that `jsonb` can store, for the same reasons. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? storableText(part) : part));
}
