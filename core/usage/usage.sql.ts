import { sql } from "drizzle-orm";
import { bigint, index, integer, pgTable, primaryKey, smallint, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { users } from "../user/user.sql.ts";

const count = (name: string) => integer(name).notNull().default(0);

/**
 * Usage per 15 minutes. Every time zone in use differs from UTC by a multiple of 15 minutes, so the rows can be added
 * up to days in any time zone. Rows outlive their instance, so that a month's total does not shrink.
 */
export const usage = pgTable(
  "usage",
  {
    /** The owner of the instance. For `apiCalls`, the caller. */
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The nil UUID for calls without an instance. */
    instanceId: uuid("instance_id").notNull(),
    /** Start of the 15 minutes that the row counts. */
    slot: instant("slot").notNull(),
    /**
     * The writer: 0 for the event log, 1 for webhooks, 2 and up for API processes. Separate rows have separate locks.
     * After an hour, `rollUpUsage` adds the others to lane 0.
     */
    lane: smallint().notNull(),
    messagesSent: count("messages_sent"),
    messagesReceived: count("messages_received"),
    mediaSent: count("media_sent"),
    mediaReceived: count("media_received"),
    /** Bytes, in both directions. */
    mediaSize: bigint("media_size", { mode: "number" }).notNull().default(0),
    apiCalls: count("api_calls"),
    webhookSent: count("webhook_sent"),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.slot, table.instanceId, table.lane] }),
    index("usage_instance").on(table.instanceId, table.slot),
    // The rows that `rollUpUsage` has not added up yet.
    index("usage_lanes").on(table.slot).where(sql`lane <> 0`),
  ],
);
