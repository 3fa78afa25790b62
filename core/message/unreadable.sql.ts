import { sql } from "drizzle-orm";
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * Why a message has no readable content:
 * - `view_once`: WhatsApp shows view-once messages only on the phone.
 * - `bot`: a message from or to a bot, which WhatsApp doesn't deliver to linked devices.
 * - `hosted`: a message of a business whose messages a provider stores.
 * - `no_content`: WhatsApp delivered no content, for example for the first message after a click on an ad.
 * - `unsupported_encryption`: the encryption has a type or version that this gateway doesn't know.
 * - `no_session`: the keys to decrypt the message are missing.
 * - `decryption_failed`: the message is damaged, or was encrypted with other keys.
 * - `malformed`: the decrypted bytes aren't a message.
 */
export const unreadableReasons = [
  "view_once",
  "bot",
  "hosted",
  "no_content",
  "unsupported_encryption",
  "no_session",
  "decryption_failed",
  "malformed",
] as const;
export type UnreadableReason = (typeof unreadableReasons)[number];

/**
 * Messages whose content can't be read yet. A row is deleted when the content arrives, from the sender or from the
 * owner's phone.
 */
export const unreadableMessages = pgTable(
  "unreadable_messages",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    waId: text("wa_id").notNull(),
    /** JID of the sender as in the stanza, without the device. */
    sender: text().notNull(),
    /** The other JID of the sender, if the stanza has it. */
    senderAlt: text("sender_alt"),
    /** The attributes of the stanza, from which the key of the message is derived. */
    attrs: jsonb().$type<Record<string, string>>().notNull(),
    reason: text().$type<UnreadableReason>().notNull(),
    /** Whether WhatsApp's apps show nothing for the message, such as a reaction. No event announces it. */
    hidden: boolean().notNull().default(false),
    /** The row in `messages`. Null while the sender may still send the message again, and for a hidden message. */
    messageId: uuid("message_id"),
    /** How often the owner's phone was asked for the content. */
    requests: integer().notNull().default(0),
    /** When the message is announced, if it is not yet, and the phone is asked. Null if the phone is not asked again. */
    dueAt: instant("due_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.waId, table.sender] }),
    index("unreadable_messages_due").on(table.instanceId, table.dueAt).where(sql`due_at is not null`),
    index("unreadable_messages_created").on(table.createdAt),
  ],
);
