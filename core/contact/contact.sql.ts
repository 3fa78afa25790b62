import { boolean, index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The contacts of an account: people and groups, merged from all sources that WhatsApp provides. */
export const contacts = pgTable(
  "contacts",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** The phone number if known, else the LID; `…@g.us` for groups. */
    jid: text().notNull(),
    lid: text(),
    isGroup: boolean("is_group").notNull().default(false),
    /** The name in the owner's address book, or the subject of a group. */
    name: text(),
    /** The name that the contact chose. */
    pushName: text("push_name"),
    /** The verified name of a business. */
    businessName: text("business_name"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.instanceId, table.jid] }),
    index("contacts_lid").on(table.instanceId, table.lid),
  ],
);

/**
 * Numbers that were not on WhatsApp when they were checked. The gateway checks such a number again after an hour,
 * because people join.
 */
export const unknownNumbers = pgTable(
  "unknown_numbers",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    jid: text().notNull(),
    checkedAt: instant("checked_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.jid] })],
);
