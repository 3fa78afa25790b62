import { integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * The timers for disappearing messages in chats with one person, as messages and changes of the timer report them.
 * WhatsApp itself reports only the timers of groups.
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
