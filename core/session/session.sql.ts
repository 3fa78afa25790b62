import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * Credentials and Signal keys of a session, one row each, encrypted with the row's place as additional data. Only the
 * host that holds the shard's lease writes here.
 */
export const sessionKeys = pgTable(
  "session_keys",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** `creds`, or a type of the Signal key store: `session`, `pre-key`, `sender-key`, … */
    type: text().notNull(),
    keyId: text("key_id").notNull(),
    value: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.type, table.keyId] })],
);

/**
 * Plaintexts of messages that may not be acknowledged to WhatsApp yet. After a crash, WhatsApp sends the same
 * ciphertext again, which Signal can't decrypt twice. The session host then uses the plaintext that is stored here.
 */
export const sessionInbox = pgTable(
  "session_inbox",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    waId: text("wa_id").notNull(),
    /**
     * SHA-256 of the ciphertext. A stanza can contain several ciphertexts, and two senders can use the same message id.
     */
    hash: bytea().notNull(),
    /** The plaintext is encrypted, because it may contain sender keys. */
    plaintext: bytea().notNull(),
    receivedAt: instant("received_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.waId, table.hash] }),
    index("session_inbox_received").on(table.receivedAt),
  ],
);
