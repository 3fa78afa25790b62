import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";

/** A pool of connections to Postgres: tagged templates for what is hot, Drizzle for the rest. */
export interface Database {
  sql: postgres.Sql;
  orm: PostgresJsDatabase;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Connections at most. A Lambda takes one. */
  max?: number;
  /** Prepared statements; off behind a pooler that shares sessions, as RDS Proxy. */
  prepare?: boolean;
  /** Named in `pg_stat_activity`. */
  name?: string;
  /** A statement that takes longer is canceled by the server (milliseconds), also one that a frozen process has sent by half. */
  statementTimeoutMs?: number;
  /** A transaction that idles longer is ended by the server (milliseconds), so that a frozen process holds no lock. */
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
      ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    },
  });
  return { sql, orm: overDriver(sql), close: () => sql.end({ timeout: 5 }) };
}

/**
 * Drizzle switches the driver's conversion of dates off, for values and arrays. It is as content with it on, and our own
 * statements need it: what was set is put back. Its conversion of JSON stays: JSON goes in as text.
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

/** Object identifiers of Postgres' types (`pg_type`). */
const jsonType = 114;
const jsonbType = 3802;

/** Text that Postgres can store: no NUL and no lone surrogate, and WhatsApp's users can send both. */
export function storableText(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}

/** JSON text that `jsonb` can store, for the same reasons. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? storableText(part) : part));
}
