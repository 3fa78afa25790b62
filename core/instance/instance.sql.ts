import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import type { OwnPace, Restrictions } from "../restriction/restriction.sql.ts";
import { type OwnRetention, users } from "../user/user.sql.ts";

/**
 * `disconnected`: no session runs. `connecting`: a session is starting. `qr`: waiting for a phone to scan. `connected`:
 * connected to WhatsApp. `logged_out`: WhatsApp or the user has unlinked the device, so a new scan is needed.
 */
export const instanceStatuses = ["disconnected", "connecting", "qr", "connected", "logged_out"] as const;
export type InstanceStatus = (typeof instanceStatuses)[number];

export const dialects = ["multi-instance", "gateway"] as const;
export type Dialect = (typeof dialects)[number];

/**
 * Which messages from before the link an instance imports: `none`, `recent` (about three months) or `full` (about a
 * year). The phone decides what it offers.
 */
export const instanceHistories = ["none", "recent", "full"] as const;
export type InstanceHistory = (typeof instanceHistories)[number];

/** Whether an instance shows its account online while it is connected. The first is the default. */
export const instancePresences = ["unavailable", "available"] as const;
export type InstancePresence = (typeof instancePresences)[number];

/** How an instance rejects calls. */
export interface RejectCalls {
  /** The text that a caller gets. Null means no answer. */
  message: string | null;
  /** Whether calls to groups are rejected too. Their callers get no answer. */
  groups: boolean;
  /** For how many hours a caller gets no further answer. */
  answerAfterHours: number;
}

/** The kinds of chats whose messages are marked as read when they arrive. */
export interface AutoRead {
  /** Chats with one person. */
  direct: boolean;
  groups: boolean;
  statuses: boolean;
}

/** Which messages are neither stored nor told. */
export interface IgnoreRules {
  groups: boolean;
  statuses: boolean;
  channels: boolean;
  /** Messages that a person sends to a broadcast list. */
  broadcasts: boolean;
  /** JIDs. */
  chats: string[];
}

/** A caller's webhook headers by name, encrypted. A string is a value in clear text, as version 0.1 stored it. */
export type StoredHeaders = Readonly<Record<string, string | { sealed: string }>>;

/** Which events of a chosen type are sent to an endpoint. A missing field means `true`, or no restriction. */
export interface WebhookFilters {
  /** Whether to send events of groups. */
  groups: boolean;
  /** Whether to send status posts. */
  statuses: boolean;
  /** Whether to send events of channels. */
  channels: boolean;
  /** Whether to send the account's own messages, edits, deletions and responses. */
  ownMessages: boolean;
  /** Only events of the chats in `allow`, or none of the chats in `deny`. JIDs. */
  chats: { allow?: string[] | undefined; deny?: string[] | undefined };
}

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

    /** Whether the session should run. */
    desired: text({ enum: ["running", "stopped"] })
      .notNull()
      .default("running"),
    /** The connection state that the session host last reported. */
    status: text({ enum: instanceStatuses }).notNull().default("disconnected"),
    /** A code that says why the instance is not connected, such as `logout`. Null while it is connected. */
    statusReason: text("status_reason"),
    /** What has happened and what to do, for people. Null if there is nothing to say beyond the reason. */
    statusDetails: text("status_details"),
    /**
     * When the reason ends, such as a temporary ban or the time to answer with a passkey. During a temporary ban, no host
     * connects the instance before this time.
     */
    statusUntil: instant("status_until"),
    statusAt: instant("status_at").notNull().defaultNow(),
    connectedAt: instant("connected_at"),
    /**
     * When the device was linked. Null while no credentials of a linked device are stored. During a short
     * disconnection, sends are accepted only if this time is set.
     */
    linkedAt: instant("linked_at"),

    phoneNumber: text("phone_number"),
    lid: text(),
    /** The linked device (`fingerprintOf`). Null until the instance has connected. */
    device: text(),
    pushName: text("push_name"),
    /** Whether it is a WhatsApp Business account. Null until an account has been linked. */
    business: boolean(),

    /** The current QR code, encrypted. It is useless after `qrExpiresAt`. */
    qr: bytea(),
    qrExpiresAt: instant("qr_expires_at"),
    pairingCode: bytea("pairing_code"),
    pairingCodeExpiresAt: instant("pairing_code_expires_at"),
    /** Until when requests for a pairing code are refused, because WhatsApp refused one with 429. */
    pairingCodesBlockedUntil: instant("pairing_codes_blocked_until"),
    /** The options of WhatsApp's request for a passkey, as encrypted JSON. Useless after `statusUntil`. */
    passkey: bytea(),

    webhookUrl: text("webhook_url"),
    webhookEnabled: boolean("webhook_enabled").notNull().default(true),
    webhookSecret: bytea("webhook_secret"),
    /** The previous secret also signs until `webhookPreviousSecretUntil`, so that receivers can switch. */
    webhookPreviousSecret: bytea("webhook_previous_secret"),
    webhookPreviousSecretUntil: instant("webhook_previous_secret_until"),
    webhookHeaders: jsonb("webhook_headers").$type<StoredHeaders>().notNull().default({}),
    notifyReceived: boolean("notify_received").notNull().default(true),
    notifySent: boolean("notify_sent").notNull().default(true),
    notifyDelivery: boolean("notify_delivery").notNull().default(true),
    notifyRead: boolean("notify_read").notNull().default(true),
    /** Maximum number of attempts after the first. */
    maxRetries: integer("max_retries").notNull().default(5),
    /** The pause before the first retry, in milliseconds. Later pauses grow. */
    retryInterval: integer("retry_interval").notNull().default(60_000),
    webhookName: text("webhook_name").notNull().default(""),
    webhookDescription: text("webhook_description").notNull().default(""),
    /** Types of the events to send. Null means the default types, see `core/webhook/body/selection.ts`. */
    webhookEvents: jsonb("webhook_events").$type<string[]>(),
    webhookFilters: jsonb("webhook_filters").$type<Partial<WebhookFilters>>().notNull().default({}),
    /** Time limit of an attempt, in milliseconds. */
    webhookTimeoutMs: integer("webhook_timeout_ms").notNull().default(15_000),

    /** Applies when a device is linked, and to the parts of the history that arrive after that. */
    history: text({ enum: instanceHistories }).notNull().default("none"),
    /** When `history.completed` was announced. Null while parts of the history are expected or imported. */
    historyCompletedAt: instant("history_completed_at"),

    /** Applies where it is shorter than the retention of the user and the settings. */
    retention: jsonb().$type<OwnRetention>(),

    /** Applies to each connection. */
    presence: text({ enum: instancePresences }).notNull().default("unavailable"),
    /** URL of the proxy for connections to WhatsApp, without the password. Null means a direct connection. */
    proxy: text(),
    proxyPassword: bytea("proxy_password"),
    /** The name of the linked device on the phone. Null means the default. */
    deviceName: text("device_name"),

    /** Null means that calls ring. */
    rejectCalls: jsonb("reject_calls").$type<RejectCalls>(),
    /** Null means that the caller marks messages as read. */
    autoRead: jsonb("auto_read").$type<AutoRead>(),
    /** Null means nothing. */
    ignore: jsonb("ignore_rules").$type<IgnoreRules>(),
    /** The caller's own key–value pairs, which events repeat. Null means none. */
    metadata: jsonb().$type<Record<string, string>>(),
    /** Name of an IANA time zone. Null means UTC. */
    timezone: text(),
    /** When settings that a running session uses were changed. The session reads them again. */
    settingsAt: instant("settings_at"),

    /** What WhatsApp restricts, and what is left of it. Null means nothing. */
    restrictions: jsonb().$type<Restrictions>(),
    /** Settings that differ from the defaults. */
    pace: jsonb().$type<OwnPace>(),
    /** Since when no message of the API is sent, at the request of the user. Null means that messages are sent. */
    sendsPausedAt: instant("sends_paused_at"),
    /** When such a pause ended last. */
    sendsResumedAt: instant("sends_resumed_at"),
    /** The day (in the time zone of the instance) of the last message to a new contact, and how many new contacts got a message that day. */
    newContacts: jsonb("new_contacts").$type<{ day: string; count: number }>(),

    /** Queue for the events. Null means the user's queue, if any. */
    eventQueue: text("event_queue"),

    /** Sequence number of the newest event. The transaction that appends events increments it. */
    eventSeq: bigint("event_seq", { mode: "number" }).notNull().default(0),

    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    /** When the deletion was requested. The session host then logs out of WhatsApp and deletes the rows. */
    deletedAt: instant("deleted_at"),
  },
  (table) => [
    index("instances_user").on(table.userId, table.createdAt),
    index("instances_device").on(table.device),
    index("instances_shard").on(table.shard).where(sql`desired = 'running' or deleted_at is not null`),
  ],
);
