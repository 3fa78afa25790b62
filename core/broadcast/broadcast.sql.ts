import { index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** Broadcast lists. A message to a list is sent to each recipient's own chat. */
export const broadcasts = pgTable(
  "broadcasts",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    name: text().notNull(),
    /** JIDs of people. */
    recipients: jsonb().$type<string[]>().notNull(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [index("broadcasts_instance").on(table.instanceId, table.createdAt)],
);
