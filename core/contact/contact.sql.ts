import { boolean, index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** Whom an account knows, people and groups, from wherever WhatsApp tells of them. */
export const contacts = pgTable(
  "contacts",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** By phone number where it is known, else the LID; `…@g.us` for groups. */
    jid: text().notNull(),
    lid: text(),
    isGroup: boolean("is_group").notNull().default(false),
    /** From the owner's address book; of a group its subject. */
    name: text(),
    /** What the contact calls itself. */
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

/** Numbers that WhatsApp said are not on it. Asked again after a while: people join. */
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
