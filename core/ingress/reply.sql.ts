import { bigint, index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/**
 * Replies that are not on their queues yet: ends of commands, written by a trigger on `commands` in the transaction
 * that ends the command, and replies that the ingress function could not send at once. A row is deleted when its queue
 * has the reply. Rows have no reference to an instance, because the reply to an `instance.delete` outlives its
 * instance.
 */
export const replies = pgTable(
  "replies",
  {
    /** Replies of a shard are sent in this order. */
    position: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** Shard of the instance, whose host sends the reply. 0 without an instance. */
    shard: integer().notNull(),
    /** Full name of the queue. */
    queue: text().notNull(),
    groupId: text("group_id").notNull(),
    /** The same for every attempt. */
    deduplicationId: text("deduplication_id").notNull(),
    /** Name of the command whose output it contains. A secret output is sealed here as in the row of the command. */
    command: text(),
    reply: jsonb().$type<unknown>().notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("replies_shard").on(table.shard, table.position), index("replies_age").on(table.createdAt)],
);
