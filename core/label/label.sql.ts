import { index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The labels of a business account, from its app state. Baileys can write labels, but not read them. */
export const labels = pgTable(
  "labels",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id: a small number as text. */
    labelId: text("label_id").notNull(),
    name: text().notNull(),
    /** 0 to 19, an index into WhatsApp's list of colors. */
    color: integer().notNull(),
    /** The id of a label that every business account starts with. */
    predefinedId: text("predefined_id"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    /**
     * When the label was deleted. The row stays, so that its id is not used again: chats with the old label would
     * otherwise seem to have a new label.
     */
    deletedAt: instant("deleted_at"),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.labelId] })],
);

/**
 * Which chats and messages have which label, entry by entry as in the app state. A person's chat may appear by number,
 * by LID, or by both. An entry may arrive before its label. Entries of a deleted label are kept.
 */
export const labelTargets = pgTable(
  "label_targets",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    labelId: text("label_id").notNull(),
    chatId: text("chat_id").notNull(),
    /** WhatsApp's id of a message; empty if the chat itself has the label. */
    messageId: text("message_id").notNull().default(""),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.labelId, table.chatId, table.messageId] }),
    index("label_targets_chat").on(table.instanceId, table.chatId),
  ],
);
