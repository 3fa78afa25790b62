import { bigint, date, integer, pgTable, primaryKey, uuid } from "drizzle-orm/pg-core";
import { instances } from "../instance/instance.sql.ts";
import { users } from "../user/user.sql.ts";

/** Number and bytes of a user's uploads, per day in UTC. */
export const uploadDays = pgTable(
  "upload_days",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    day: date().notNull(),
    uploads: integer().notNull(),
    bytes: bigint({ mode: "number" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.day] })],
);

/** The bytes of an instance's message files in the bucket. Triggers on `messages` keep the number. */
export const mediaSizes = pgTable("media_sizes", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  bytes: bigint({ mode: "number" }).notNull(),
});
