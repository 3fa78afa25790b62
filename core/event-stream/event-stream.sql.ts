import { index, integer, pgTable, primaryKey, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { apiKeys, users } from "../user/user.sql.ts";

/** The open streams of each user over all processes. The number of slots limits them. */
export const eventStreams = pgTable(
  "event_streams",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    slot: integer().notNull(),
    /** The stream that has the slot. */
    id: uuid().notNull(),
    /** The process of the stream moves this ahead. Afterwards, the slot is free. */
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.slot] }), index("event_streams_id").on(table.id)],
);

/** Tokens that open one stream each, for browsers, which can't send headers with an `EventSource`. */
export const streamTokens = pgTable(
  "stream_tokens",
  {
    /** SHA-256 of the token, which has 256 random bits. */
    hash: bytea().primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The key that requested the token. Null if a login's token did. */
    keyId: uuid("key_id").references(() => apiKeys.id, { onDelete: "cascade" }),
    /** `tokensFrom` and the expiry of the login's token. */
    tokensFrom: instant("tokens_from"),
    loginExpiresAt: instant("login_expires_at"),
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [index("stream_tokens_expiry").on(table.expiresAt)],
);
