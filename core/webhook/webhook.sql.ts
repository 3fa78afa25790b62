import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * How the endpoint of an instance fares. A row only while it fails or what waited for it is being worked off: the first
 * failure makes it, and it goes when nothing waits any more.
 */
export const endpoints = pgTable("webhook_endpoints", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  /** Of another URL than the instance's the row says nothing. */
  url: text().notNull(),
  /** `failing`: some tries failed. `parked`: only a probe is tried. `draining`: it answers again, and gets what waited. */
  state: text({ enum: ["failing", "parked", "draining"] }).notNull(),
  /** Tries that failed in a row. */
  failures: integer().notNull().default(0),
  /** Since when nothing has succeeded. */
  failingSince: instant("failing_since").notNull(),
  /** When it is tried next: the probe of one that is parked, the next batch of one that is being drained. */
  nextAt: instant("next_at").notNull(),
});

/** One event on its way to one endpoint. `id` is what the receiver sees as `webhook-id`; retries keep it. */
export const deliveries = pgTable(
  "deliveries",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    eventId: uuid("event_id").notNull(),
    eventSeq: bigint("event_seq", { mode: "number" }).notNull(),
    eventType: text("event_type").notNull(),
    /** The event's; null of deliveries of an earlier version. */
    correlationId: text("correlation_id"),
    url: text().notNull(),
    /** The exact body in the dialect of the instance, as it was when first sent. */
    body: text().notNull(),
    status: text({ enum: ["pending", "succeeded", "failed"] })
      .notNull()
      .default("pending"),
    attempts: integer().notNull().default(0),
    /** Failed tries that count against `maxRetries`: a replay begins anew, and a probe of a parked endpoint does not count. */
    tries: integer().notNull().default(0),
    /** The first failure that may still be the endpoint's: gone with a replay, and when the endpoint recovers. */
    firstFailedAt: instant("first_failed_at"),
    /**
     * When the next try is due, or until when a worker that is trying has it. `infinity`: it stands in the line of an
     * endpoint that is parked or being drained, and the endpoint's row says when.
     */
    nextAt: instant("next_at").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
    /**
     * Why it has failed. `exhausted`: it had its tries; `gone`: the endpoint answered 410; `disabled`: the webhook was
     * switched off or taken away while it waited.
     */
    reason: text({ enum: ["exhausted", "gone", "disabled"] }),
  },
  (table) => [
    uniqueIndex("deliveries_identity").on(table.eventId, table.url),
    index("deliveries_due").on(table.nextAt).where(sql`status = 'pending'`),
    index("deliveries_line").on(table.instanceId, table.eventSeq).where(sql`status = 'pending'`),
    index("deliveries_instance").on(table.instanceId, table.createdAt),
  ],
);

export const attempts = pgTable(
  "attempts",
  {
    id: uuid().primaryKey(),
    deliveryId: uuid("delivery_id")
      .notNull()
      .references(() => deliveries.id, { onDelete: "cascade" }),
    number: integer().notNull(),
    at: instant("at").notNull(),
    durationMs: integer("duration_ms").notNull(),
    /** HTTP status, or null when there was no answer. */
    status: integer(),
    error: text(),
    /** The first bytes of the answer, at most 1,024 characters. */
    response: text(),
    headers: jsonb().$type<Record<string, string>>(),
  },
  (table) => [index("attempts_delivery").on(table.deliveryId, table.number)],
);
