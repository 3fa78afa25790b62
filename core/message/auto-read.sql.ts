import { pgTable, primaryKey, uuid } from "drizzle-orm/pg-core";
import { instances } from "../instance/instance.sql.ts";
import { messages } from "./message.sql.ts";

/**
 * Received messages that the instance has to mark as read on WhatsApp. A row is written together with its message, and
 * removed once the message is read.
 */
export const autoReads = pgTable(
  "auto_reads",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    messageId: uuid("message_id")
      .notNull()
      .unique()
      .references(() => messages.id, { onDelete: "cascade", onUpdate: "cascade" }),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.messageId] })],
);
