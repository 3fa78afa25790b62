import { index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The labels of a business account, as its app state has them: Baileys can write them and not read them. */
export const labels = pgTable(
  "labels",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id: a small number as text. */
    labelId: text("label_id").notNull(),
    name: text().notNull(),
    /** 0 to 19, an index into WhatsApp's own list of colors. */
    color: integer().notNull(),
    /** Of the labels that every business account begins with. */
    predefinedId: text("predefined_id"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    /** Kept, because its id is not given out again: what carried it would seem to carry the new one. */
    deletedAt: instant("deleted_at"),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.labelId] })],
);

/**
 * What carries which label, entry by entry as in the app state: a person's chat may stand here by number or by LID, or by both. A
 * label need not be known yet when something is said to carry it, and what carries one that was deleted is not taken away.
 */
export const labelTargets = pgTable(
  "label_targets",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    labelId: text("label_id").notNull(),
    chatId: text("chat_id").notNull(),
    /** WhatsApp's id of a message; empty where the whole chat carries it. */
    messageId: text("message_id").notNull().default(""),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.labelId, table.chatId, table.messageId] }),
    index("label_targets_chat").on(table.instanceId, table.chatId),
  ],
);
