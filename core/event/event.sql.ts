import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * The relay of a shard sends events in this many lanes, so that a lane that can't send does not stop the others. All
 * events of an instance are in one lane.
 */
export const outboxLanes = 4;

/** The lane of an event, as an SQL expression. The index needs exactly this expression. */
export const outboxLane = `(get_byte(uuid_send(instance_id), 15) % ${outboxLanes})`;

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
    /** When the event left the outbox: the event queue accepted it, or it was parked. */
    emittedAt: instant("emitted_at"),
    /** When the event was parked, because the event queue never accepts it. It stays in the log. */
    parkedAt: instant("parked_at"),
    /** Why the event queue does not accept it. */
    parkedReason: text("parked_reason"),
  },
  (table) => [
    uniqueIndex("events_instance_seq").on(table.instanceId, table.seq),
    index("events_lane").on(table.shard, sql.raw(outboxLane), table.position).where(sql`emitted_at is null`),
  ],
);
