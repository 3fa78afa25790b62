import { bigint, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * How far the events of an instance have been sent to its owner's queue. The row exists exactly while a queue is set
 * for the instance, or for its user if the instance has none. The event log stores the events, so this table only needs
 * a number.
 */
export const eventSinks = pgTable("event_sinks", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  /** The full name of the queue, or its URL. */
  queue: text().notNull(),
  /** The queue has all events up to this number. */
  sentSeq: bigint("sent_seq", { mode: "number" }).notNull(),
  /** Consecutive failed attempts. */
  failures: integer().notNull().default(0),
  /** When the current failures began; null after a success. */
  failingSince: instant("failing_since"),
  /** The last error of SQS; null after a success. */
  error: text(),
  /** When the next attempt is due, or when a worker's claim expires at the latest. */
  nextAt: instant("next_at").notNull(),
  /** The lease of the worker that sends the events. See `claim_leases`. */
  claimedBy: uuid("claimed_by"),
});
