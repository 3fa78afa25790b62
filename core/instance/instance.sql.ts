import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { users } from "../user/user.sql.ts";

/**
 * `disconnected`: nothing runs. `connecting`: a session is being opened. `qr`: waits for a phone to scan.
 * `connected`: WhatsApp has us. `logged_out`: WhatsApp or the user ended the link; a new scan is needed.
 */
export const instanceStatuses = ["disconnected", "connecting", "qr", "connected", "logged_out"] as const;
export type InstanceStatus = (typeof instanceStatuses)[number];

export const dialects = ["multi-instance", "gateway"] as const;
export type Dialect = (typeof dialects)[number];

export const instances = pgTable(
  "instances",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id),
    name: text().notNull(),
    description: text().notNull().default(""),
    dialect: text({ enum: dialects }).notNull(),
    shard: integer().notNull(),

    /** What the user wants: a session that runs, or none. */
    desired: text({ enum: ["running", "stopped"] })
      .notNull()
      .default("running"),
    /** What the session host last said of it. */
    status: text({ enum: instanceStatuses }).notNull().default("disconnected"),
    /** Why it is not connected, in WhatsApp's or our words; null while it is. */
    statusReason: text("status_reason"),
    statusAt: instant("status_at").notNull().defaultNow(),
    connectedAt: instant("connected_at"),
    /** Set while credentials of a linked device are kept: only then can a send be accepted during a short loss of the link. */
    linkedAt: instant("linked_at"),

    phoneNumber: text("phone_number"),
    lid: text(),
    pushName: text("push_name"),
    /** Whether it is a WhatsApp Business account; null until an account has been linked. */
    business: boolean(),

    /** What a phone can scan now, encrypted; gone when scanned or past `qrExpiresAt`. */
    qr: bytea(),
    qrExpiresAt: instant("qr_expires_at"),
    pairingCode: bytea("pairing_code"),
    pairingCodeExpiresAt: instant("pairing_code_expires_at"),

    webhookUrl: text("webhook_url"),
    webhookEnabled: boolean("webhook_enabled").notNull().default(true),
    webhookSecret: bytea("webhook_secret"),
    /** The secret before this one: signs as well until then, so that a receiver can change over. */
    webhookPreviousSecret: bytea("webhook_previous_secret"),
    webhookPreviousSecretUntil: instant("webhook_previous_secret_until"),
    webhookHeaders: jsonb("webhook_headers").$type<Record<string, string>>().notNull().default({}),
    notifyReceived: boolean("notify_received").notNull().default(true),
    notifySent: boolean("notify_sent").notNull().default(true),
    notifyDelivery: boolean("notify_delivery").notNull().default(true),
    notifyRead: boolean("notify_read").notNull().default(true),
    /** Tries after the first. */
    maxRetries: integer("max_retries").notNull().default(5),
    /** Milliseconds between tries, the first pause; later ones grow. */
    retryInterval: integer("retry_interval").notNull().default(60_000),

    /** Queue that gets the events; null is that of the user, if there is one. */
    eventQueue: text("event_queue"),

    /** Sequence number of the newest event; raised in the transaction that appends events. */
    eventSeq: bigint("event_seq", { mode: "number" }).notNull().default(0),

    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    /** Set first; the session host then logs out of WhatsApp and removes the rows. */
    deletedAt: instant("deleted_at"),
  },
  (table) => [
    index("instances_user").on(table.userId, table.createdAt),
    index("instances_shard").on(table.shard).where(sql`desired = 'running' or deleted_at is not null`),
  ],
);
