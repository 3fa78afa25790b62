import { sql } from "drizzle-orm";
import { boolean, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * One row per chat. Triggers on `messages` maintain `messages` and `lastAt`, and add and remove the `unread` of rows that
 * come and go; who sets `messages.unread` to false also subtracts it here. The other columns come from WhatsApp's app
 * state, which the phone and its linked devices share.
 */
export const chats = pgTable(
  "chats",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** JID of the chat, as in `messages`. */
    chatId: text("chat_id").notNull(),
    /** The number of messages in the history. */
    messages: integer().notNull().default(0),
    /** The number of messages with `unread`. */
    unread: integer().notNull().default(0),
    /** When the newest message was sent. Null for a chat without messages. See `isShown` for those that don't count. */
    lastAt: instant("last_at"),
    /** The JID of the chat in the app state, which can be the LID. */
    stateJid: text("state_jid"),
    archived: boolean().notNull().default(false),
    /** An archived chat was archived with the messages that were sent up to this time. See `isNewer` in the ledger. */
    archivedThrough: instant("archived_through"),
    /** WhatsApp's ids of further messages with which it was archived. */
    archivedIds: text("archived_ids").array(),
    pinnedAt: instant("pinned_at"),
    /** The end of the mute, `infinity` for one without an end. Null, or in the past, if the chat is not muted. */
    mutedUntil: instant("muted_until"),
    /** Whether the owner marked the chat as unread. This doesn't change the number of unread messages. */
    markedUnread: boolean("marked_unread").notNull().default(false),
    /** Messages that were sent up to this time were cleared. They are hidden until they are deleted. See `isCleared`. */
    clearedAt: instant("cleared_at"),
    /** Of these, only messages that were stored up to this time. Null for all. */
    clearedStoredAt: instant("cleared_stored_at"),
    /** WhatsApp's ids of further messages that were cleared. */
    clearedIds: text("cleared_ids").array(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.chatId] }),
    index("chats_newest").on(table.instanceId, table.lastAt.desc().nullsLast(), table.chatId).where(sql`messages > 0`),
    index("chats_unread")
      .on(table.instanceId, table.lastAt.desc().nullsLast(), table.chatId)
      .where(sql`messages > 0 and (unread > 0 or marked_unread)`),
    index("chats_pinned").on(table.instanceId).where(sql`pinned_at is not null`),
    index("chats_archived").on(table.instanceId).where(sql`archived`),
    index("chats_muted").on(table.instanceId).where(sql`muted_until is not null`),
    index("chats_cleared").on(table.instanceId).where(sql`cleared_at is not null`),
  ],
);

/**
 * The timers for disappearing messages, as messages and changes of the timer report them. WhatsApp itself reports the
 * timers of groups when a group is read.
 */
export const chatTimers = pgTable(
  "chat_timers",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** JID of the chat, as in `messages`. */
    chatId: text("chat_id").notNull(),
    /** 0 means that messages don't disappear. */
    seconds: integer().notNull(),
    /** When the timer was set. An older report does not replace a newer one. */
    setAt: instant("set_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId] })],
);
