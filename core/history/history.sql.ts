import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * What a part of the history contains, by its `HistorySyncType`: `initial` the newest messages of each chat, `recent`
 * about three months, `full` about a year, `names` the names that people chose, `other` anything else.
 */
export const historyPhases = ["initial", "recent", "full", "names", "other"] as const;
export type HistoryPhase = (typeof historyPhases)[number];

/** A position in a decompressed part of the history. */
export interface HistoryCursor {
  /** The byte offset of the conversation. */
  conversation: number;
  /** The byte offset of the message in it. */
  message: number;
  /** The number of received messages of the conversation before that message. */
  received: number;
  /** The JID of the chat and its number of unread messages. Null before the conversation was read. */
  chat: { id: string; unread: number } | null;
}

/**
 * The parts of the history that the phone has offered since the instance was linked. A part is journalled before its
 * notification is acknowledged, and imported afterwards.
 */
export const historyParts = pgTable(
  "history_parts",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id of the notification. */
    waId: text("wa_id").notNull(),
    /** The order in which the notifications arrived. */
    position: bigint({ mode: "number" }).notNull().generatedAlwaysAsIdentity(),
    phase: text({ enum: historyPhases }).notNull(),
    /** The number of the part within its phase, as the phone counts. */
    chunk: integer(),
    /** How much of the phase the phone has sent with this part, in percent, as the phone states it. */
    percent: integer(),
    /** Whether the messages are imported too. Otherwise only contacts and the numbers of LIDs are. */
    withMessages: boolean("with_messages").notNull(),
    /** The encoded `HistorySyncNotification`, encrypted, because it has the key of the file. Null after the import. */
    notification: bytea(),
    state: text({ enum: ["waiting", "imported", "failed"] })
      .notNull()
      .default("waiting"),
    /** Where the import continues. Null before the first messages. */
    cursor: jsonb().$type<HistoryCursor>(),
    /** Number of failed attempts. */
    attempts: integer().notNull().default(0),
    error: text(),
    messages: integer().notNull().default(0),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.waId] }),
    index("history_parts_order").on(table.instanceId, table.position),
  ],
);
