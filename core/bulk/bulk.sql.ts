import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";
import { users } from "../user/user.sql.ts";

/** A batch of sends. Each send is a separate command, which is `scheduled` until the host releases it. */
export const bulks = pgTable(
  "bulks",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id),
    shard: integer().notNull(),
    status: text({ enum: ["running", "done", "canceled"] })
      .notNull()
      .default("running"),
    /** Maximum messages per minute. */
    perMinute: integer("per_minute").notNull(),
    /** Number of accepted recipients. */
    total: integer().notNull(),
    /** The rejected recipients, with the reason for each. */
    rejected: jsonb().$type<{ index: number; phone: string; error: string }[]>().notNull().default([]),
    /** No message is released before this time. */
    startAt: instant("start_at").notNull(),
    /**
     * The time up to which released messages use up `perMinute`. The time of the next release is computed from this
     * time.
     */
    releasedAt: instant("released_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("bulks_running").on(table.shard, table.createdAt).where(sql`status = 'running'`),
    index("bulks_instance").on(table.instanceId, table.createdAt),
  ],
);
