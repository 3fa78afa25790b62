import { bigint, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * How far the events of an instance have come on their way to a queue of its owner. There is a row exactly while a queue is set
 * for the instance or, unless it has one of its own, for its user. The log has the events, so one number says what is sent.
 */
export const eventSinks = pgTable("event_sinks", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  /** The whole name of a queue, or its URL. */
  queue: text().notNull(),
  /** The queue has all events up to this one. */
  sentSeq: bigint("sent_seq", { mode: "number" }).notNull(),
  /** Tries that failed in a row. */
  failures: integer().notNull().default(0),
  /** Since when the queue has taken nothing; null when it took the last. */
  failingSince: instant("failing_since"),
  /** What SQS said last; null when it took the last. */
  error: text(),
  /** When the next try is due, or until when a worker has it. */
  nextAt: instant("next_at").notNull(),
});
