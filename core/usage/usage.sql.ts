import { bigint, index, integer, pgTable, primaryKey, smallint, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { users } from "../user/user.sql.ts";

const count = (name: string) => integer(name).notNull().default(0);

/**
 * What was used, by quarters of an hour: every time zone in use is a multiple of 15 minutes from UTC, so days can be
 * added up for any of them. Counts outlive their instance, so that a month's total does not shrink.
 */
export const usage = pgTable(
  "usage",
  {
    /** The owner of the instance; for `apiCalls` whoever called. */
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The nil UUID for calls that are about no instance. */
    instanceId: uuid("instance_id").notNull(),
    /** Beginning of the quarter of an hour. */
    slot: instant("slot").notNull(),
    /** Who counts: 0 the event log, 1 webhooks, 2 and up processes of the API. Rows apart are locks apart. */
    lane: smallint().notNull(),
    messagesSent: count("messages_sent"),
    messagesReceived: count("messages_received"),
    mediaSent: count("media_sent"),
    mediaReceived: count("media_received"),
    /** Bytes, both ways. */
    mediaSize: bigint("media_size", { mode: "number" }).notNull().default(0),
    apiCalls: count("api_calls"),
    webhookSent: count("webhook_sent"),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.slot, table.instanceId, table.lane] }),
    index("usage_instance").on(table.instanceId, table.slot),
  ],
);
