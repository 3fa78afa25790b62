import { bigint, index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/**
 * Replies that no queue has yet: how a command ended, written by a trigger on `commands` in the transaction that ended it, and
 * what the ingress function could not send at once. A row goes when its queue has it. Of no instance in particular: the reply
 * to an `instance.delete` outlives its instance.
 */
export const replies = pgTable(
  "replies",
  {
    /** Replies of a shard leave in this order. */
    position: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** Of the instance; 0 when there is none. Its host sends them. */
    shard: integer().notNull(),
    /** The whole name of a queue. */
    queue: text().notNull(),
    groupId: text("group_id").notNull(),
    /** The same whenever it is sent. */
    deduplicationId: text("deduplication_id").notNull(),
    /** Which command's output is in it: one that is declared secret is sealed here as in its row. */
    command: text(),
    reply: jsonb().$type<unknown>().notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("replies_shard").on(table.shard, table.position), index("replies_age").on(table.createdAt)],
);
