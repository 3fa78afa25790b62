import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";

/** The names of the quotas, see `core/quota`. */
export const quotaNames = [
  "instances",
  "scheduledSends",
  "openBulks",
  "uploadsPerDay",
  "uploadBytesPerDay",
  "storedBytes",
] as const;
export type QuotaName = (typeof quotaNames)[number];

/** What is kept for a limited time, see `core/retention`. */
export const retentionKinds = ["messages", "files", "events", "deliveries"] as const;
export type RetentionKind = (typeof retentionKinds)[number];

/** For how many days things are kept, by kind. A missing kind is not limited here. */
export type OwnRetention = Partial<Record<RetentionKind, number | undefined>>;

export const users = pgTable(
  "users",
  {
    id: uuid().primaryKey(),
    /** Lowercase. */
    email: text().notNull(),
    firstName: text("first_name").notNull().default(""),
    lastName: text("last_name").notNull().default(""),
    passwordHash: text("password_hash").notNull(),
    role: text({ enum: ["admin", "user"] })
      .notNull()
      .default("user"),
    disabledAt: instant("disabled_at"),
    /** CIDRs from which the user may call, with a token or a key. Null allows any address. */
    ipRanges: jsonb("ip_ranges").$type<string[]>(),
    /** IANA name of the time zone in which the days of statistics begin. Null means UTC. */
    timeZone: text("time_zone"),
    /** Queue for the events of instances without their own queue. */
    eventQueue: text("event_queue"),
    /** Limits of quotas that differ from the settings, by name. 0 means no limit. */
    quotas: jsonb().$type<Partial<Record<QuotaName, number>>>(),
    /** Applies to the user's instances where it is shorter than the settings. */
    retention: jsonb().$type<OwnRetention>(),
    /** When the password was last changed. A token is valid only if it contains this value. */
    tokensFrom: instant("tokens_from"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [uniqueIndex("users_email").on(table.email)],
);

export const apiKeys = pgTable(
  "api_keys",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text().notNull(),
    /** SHA-256 of the key. Keys have at least 122 random bits, so a plain hash resists guessing. */
    hash: bytea().notNull(),
    /** The key itself, encrypted. A user login returns the key. */
    ciphertext: bytea().notNull(),
    permissions: jsonb().$type<("read" | "write" | "account" | "admin")[]>().notNull(),
    /** CIDRs from which the key may be used. Null allows any address. */
    ipRanges: jsonb("ip_ranges").$type<string[]>(),
    /** Ids of the instances that the key may be used for. Null allows all instances of the user. */
    instances: jsonb().$type<string[]>(),
    /** What the key may be used for, within its permissions (`core/scope.ts`). Null allows everything. */
    scopes: jsonb().$type<string[]>(),
    expiresAt: instant("expires_at"),
    lastUsedAt: instant("last_used_at"),
    /** The address of the last use. Null for a use over SQS. */
    lastUsedIp: text("last_used_ip"),
    revokedAt: instant("revoked_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("api_keys_hash").on(table.hash),
    index("api_keys_user").on(table.userId).where(sql`revoked_at is null`),
  ],
);

/** Networks from which a user logged in. Failed logins from elsewhere don't delay logins from these. */
export const knownLogins = pgTable(
  "known_logins",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The IPv4 address, or the /64 of the IPv6 address, hashed. */
    network: bytea().notNull(),
    seenAt: instant("seen_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.network] }), index("known_logins_seen").on(table.seenAt)],
);

/** Recent failed logins, by attempted email address, by network address, and by both together. */
export const loginFailures = pgTable(
  "login_failures",
  {
    /** `email:…`, `ip:…` or `pair:…` with both addresses, hashed, so that text from strangers is not stored. */
    subject: bytea().primaryKey(),
    failures: integer().notNull(),
    /** The time of the first failure that is counted. */
    since: instant("since").notNull(),
    blockedUntil: instant("blocked_until"),
  },
  (table) => [index("login_failures_since").on(table.since)],
);

/** Ed25519 keys that sign tokens. The newest key signs. Tokens of all stored keys are accepted. */
export const signingKeys = pgTable("signing_keys", {
  kid: text().primaryKey(),
  publicJwk: jsonb("public_jwk").$type<Record<string, unknown>>().notNull(),
  privateCiphertext: bytea("private_ciphertext").notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
