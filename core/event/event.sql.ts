import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/** The event log, and the outbox: an event without `emittedAt` is not on the event queue yet. */
export const events = pgTable(
  "events",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    shard: integer().notNull(),
    /** Order of appending over all instances. Within an instance, the same order as `seq`. */
    position: bigint({ mode: "number" }).notNull().generatedAlwaysAsIdentity(),
    /** 1, 2, 3 … per instance, without gaps. */
    seq: bigint({ mode: "number" }).notNull(),
    type: text().notNull(),
    data: jsonb().$type<unknown>().notNull(),
    correlationId: text("correlation_id"),
    createdAt: instant("created_at").notNull().defaultNow(),
    emittedAt: instant("emitted_at"),
  },
  (table) => [
    uniqueIndex("events_instance_seq").on(table.instanceId, table.seq),
    index("events_outbox").on(table.shard, table.position).where(sql`emitted_at is null`),
  ],
);
