import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";

/**
 * The circuit breaker of an instance's endpoint. The first failure creates the row. It is deleted when the endpoint
 * works and its backlog is empty.
 */
export const endpoints = pgTable("webhook_endpoints", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  /** The URL that the state of this row is about. If the instance has another URL now, the state does not apply. */
  url: text().notNull(),
  /**
   * `failing`: some attempts failed. `parked`: only probes are sent. `draining`: the backlog is being delivered, because
   * the endpoint works again, is slow, or has no turn (`pace.ts`).
   */
  state: text({ enum: ["failing", "parked", "draining"] }).notNull(),
  /** Consecutive failures. A probe counts as one, even if it attempts two deliveries. */
  failures: integer().notNull().default(0),
  /** When the current failures began. */
  failingSince: instant("failing_since").notNull(),
  /** When the next probe of a parked endpoint, or the next pass over a draining backlog, is due. */
  nextAt: instant("next_at").notNull(),
  /** The lease of the worker that processes the backlog or probes the endpoint. See `claim_leases`. */
  claimedBy: uuid("claimed_by"),
});

/**
 * The response time of an endpoint that is slow, or that occupies a worker for long. Fast endpoints have no row. Rows
 * are written by `core/webhook/delivery/pace.ts`.
 */
export const paces = pgTable("webhook_paces", {
  instanceId: uuid("instance_id")
    .primaryKey()
    .references(() => instances.id, { onDelete: "cascade" }),
  /** The URL that was measured. If the instance has another URL now, the row does not apply. */
  url: text().notNull(),
  /** Moving average of the response time in milliseconds. */
  averageMs: integer("average_ms").notNull(),
  /**
   * Until when a batch of the event queue occupies its worker at most. Null if no batch is waiting for the endpoint.
   */
  busyUntil: instant("busy_until"),
  /** The lease of that batch. See `claim_leases`. The endpoint is no longer busy when the lease has ended. */
  busyBy: uuid("busy_by"),
});

/** The delivery of one event to one endpoint. Receivers see `id` as `webhook-id`. All attempts have the same id. */
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
    /** The correlation id of the event. Null for deliveries that an earlier version created. */
    correlationId: text("correlation_id"),
    url: text().notNull(),
    /** The exact body in the dialect of the instance, as it was first sent. */
    body: text().notNull(),
    status: text({ enum: ["pending", "succeeded", "failed"] })
      .notNull()
      .default("pending"),
    attempts: integer().notNull().default(0),
    /**
     * Failed attempts that count against `maxRetries`. A replay resets the number. Probes count only if the delivery
     * itself is at fault.
     */
    tries: integer().notNull().default(0),
    /** The first failure that may be the endpoint's fault. Cleared by a replay, and when the endpoint recovers. */
    firstFailedAt: instant("first_failed_at"),
    /**
     * When the next attempt is due, or when a worker's claim expires at the latest. `infinity`: the delivery is in the
     * backlog of a parked or draining endpoint, and the endpoint's row has the time.
     */
    nextAt: instant("next_at").notNull(),
    /**
     * The lease of the worker that attempts the delivery. See `claim_leases`. The claim ends before `nextAt` if its
     * lease ends.
     */
    claimedBy: uuid("claimed_by"),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
    /**
     * Why the delivery failed. `exhausted`: no retries are left. `gone`: the endpoint returned 410. `disabled`: the
     * webhook was switched off or removed meanwhile.
     */
    reason: text({ enum: ["exhausted", "gone", "disabled"] }),
  },
  (table) => [
    uniqueIndex("deliveries_identity").on(table.eventId, table.url),
    index("deliveries_due").on(table.nextAt).where(sql`status = 'pending'`),
    index("deliveries_line").on(table.instanceId, table.eventSeq).where(sql`status = 'pending'`),
    index("deliveries_claimed").on(table.claimedBy).where(sql`status = 'pending' and claimed_by is not null`),
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
    /** HTTP status, or null without a response. */
    status: integer(),
    error: text(),
    /** The beginning of the response body, at most 1,024 characters. */
    response: text(),
    /** This column is not written. It stays because the migrations create it. */
    headers: jsonb().$type<Record<string, string>>(),
  },
  (table) => [index("attempts_delivery").on(table.deliveryId, table.number)],
);
