import { index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
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
 * Sessions of other programs that the API has accepted. The session host moves them to `session_keys` when it opens the
 * connection of the instance.
 */
export const sessionImports = pgTable(
  "session_imports",
  {
    instanceId: uuid("instance_id")
      .primaryKey()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** The linked device, like `instances.device`. */
    device: text().notNull(),
    /** The credentials and keys (`ImportedSession`) as JSON, encrypted. */
    bundle: bytea().notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    /** How often a host has begun to take the session. After a few attempts, it gives up. */
    attempts: integer().notNull().default(0),
  },
  (table) => [index("session_imports_device").on(table.device)],
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

/**
 * Stanzas that could not be stored, because the database or our own code refuses something in them. After
 * `maxRefusals` attempts, a stanza is quarantined: kept here with its bytes, announced, and acknowledged to WhatsApp.
 */
export const refusedStanzas = pgTable(
  "refused_stanzas",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** SHA-256 of the parts of the stanza that stay the same when WhatsApp sends it again. */
    key: bytea().notNull(),
    /** `message`, `receipt`, `notification` or `call`. */
    kind: text().notNull(),
    /** The id of the stanza, and the JID that it came from. */
    stanzaId: text("stanza_id").notNull(),
    sender: text().notNull(),
    attempts: integer().notNull(),
    /** The last error. */
    error: text().notNull(),
    firstAt: instant("first_at").notNull(),
    lastAt: instant("last_at").notNull(),
    /** When the stanza was quarantined. Null while it can still be tried again. */
    quarantinedAt: instant("quarantined_at"),
    /** The encoded stanza, and the plaintext of a message that was decrypted, both encrypted. */
    stanza: bytea(),
    plaintext: bytea(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.key] }), index("refused_stanzas_last").on(table.lastAt)],
);
