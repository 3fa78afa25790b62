import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { instances, type StoredHeaders, type WebhookFilters } from "../instance/instance.sql.ts";
import { users } from "../user/user.sql.ts";

/**
 * The webhook endpoints other than the first of an instance, and the default endpoints of users. The first endpoint of
 * an instance is in columns of `instances`, and its id is the id of the instance, so that version 0.1 can
 * read and change it.
 */
export const webhooks = pgTable(
  "webhooks",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** Null for a default endpoint of the user. */
    instanceId: uuid("instance_id").references(() => instances.id, { onDelete: "cascade" }),
    /**
     * Set if this row gives an instance without own endpoints a default endpoint of its user. All settings are then
     * those of the default endpoint; `url` and `enabled` are copies. `core/instance-management/default-webhooks.ts` writes such rows.
     */
    defaultId: uuid("default_id").references((): AnyPgColumn => webhooks.id, { onDelete: "cascade" }),
    name: text().notNull().default(""),
    description: text().notNull().default(""),
    url: text().notNull(),
    enabled: boolean().notNull().default(true),
    secret: bytea(),
    /** The previous secret also signs until `previousSecretUntil`, so that receivers can switch. */
    previousSecret: bytea("previous_secret"),
    previousSecretUntil: instant("previous_secret_until"),
    headers: jsonb().$type<StoredHeaders>().notNull().default({}),
    /** Types of the events to send. Null means the default types, see `core/webhook/body/selection.ts`. */
    events: jsonb().$type<string[]>(),
    filters: jsonb().$type<Partial<WebhookFilters>>().notNull().default({}),
    /** Time limit of an attempt, in milliseconds. */
    timeoutMs: integer("timeout_ms").notNull().default(15_000),
    /** Maximum number of attempts after the first. */
    maxRetries: integer("max_retries").notNull().default(5),
    /** The pause before the first retry, in milliseconds. Later pauses grow. */
    retryInterval: integer("retry_interval").notNull().default(60_000),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    index("webhooks_instance").on(table.instanceId, table.createdAt),
    index("webhooks_defaults").on(table.userId, table.createdAt).where(sql`instance_id is null`),
    uniqueIndex("webhooks_inherited").on(table.defaultId, table.instanceId),
  ],
);

/**
 * The circuit breaker of an endpoint. The first failure creates the row. It is deleted when the endpoint works and its
 * backlog is empty, or when the endpoint no longer exists. The view `webhook_endpoints` shows the table to the version
 * before 0.3.
 */
export const breakers = pgTable("endpoint_breakers", {
  /** The id of a row of `webhooks`, or of an instance for its first endpoint. */
  endpointId: uuid("endpoint_id").primaryKey(),
  /** The URL that the state of this row is about. If the endpoint has another URL now, the state does not apply. */
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
 * are written by `core/webhook/delivery/pace.ts`. The view `webhook_paces` shows the table to version 0.1.
 */
export const paces = pgTable("endpoint_paces", {
  /** As in `endpoint_breakers`. */
  endpointId: uuid("endpoint_id").primaryKey(),
  /** The URL that was measured. If the endpoint has another URL now, the row does not apply. */
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

/**
 * The delivery of one event to one endpoint. Receivers see `id` as `webhook-id`. All attempts have the same id, which derives
 * from event and endpoint (`deliveryIdOf`). A delivery to a healthy endpoint is stored after its first attempt.
 */
export const deliveries = pgTable(
  "deliveries",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** The endpoint, a row of `webhooks`. Null for the first endpoint of the instance. */
    endpointId: uuid("endpoint_id"),
    eventId: uuid("event_id").notNull(),
    eventSeq: bigint("event_seq", { mode: "number" }).notNull(),
    eventType: text("event_type").notNull(),
    /** The correlation id of the event. Null for deliveries that an earlier version created. */
    correlationId: text("correlation_id"),
    /** The URL of the first endpoint. Null for another endpoint, because version 0.1 needs a unique index on it. */
    url: text(),
    /** The URL of another endpoint than the first. */
    endpointUrl: text("endpoint_url"),
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
    uniqueIndex("deliveries_event").on(table.eventId, sql`coalesce(endpoint_id, instance_id)`),
    // Version 0.1 inserts with `on conflict (event_id, url)`, which needs this index.
    uniqueIndex("deliveries_identity").on(table.eventId, table.url),
    index("deliveries_due").on(table.nextAt).where(sql`status = 'pending'`),
    index("deliveries_backlog")
      .on(sql`coalesce(endpoint_id, instance_id)`, table.eventSeq)
      .where(sql`status = 'pending'`),
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
