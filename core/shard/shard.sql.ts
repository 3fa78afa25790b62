import { bigint, boolean, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/** Where a client version comes from: the setting, a look-up that the database keeps, or Baileys. */
export const clientVersionSources = ["pinned", "stored", "built in"] as const;
export type ClientVersionSource = (typeof clientVersionSources)[number];

/**
 * The lease of each shard: the right of one host to serve the shard's instances. Each new lease raises `epoch`. The
 * database refuses writes under an older epoch.
 */
export const shards = pgTable("shards", {
  id: integer().primaryKey(),
  host: text(),
  epoch: bigint({ mode: "number" }).notNull().default(0),
  leaseUntil: instant("lease_until"),
});

/**
 * Session hosts. A row is deleted when the host stops, or a day after its last report. No index on `seen_at`: the table is
 * small, and the reports stay HOT.
 */
export const hosts = pgTable("hosts", {
  id: text().primaryKey(),
  startedAt: instant("started_at").notNull(),
  seenAt: instant("seen_at").notNull(),
  /** Set while the host releases its shards before it stops or restarts. */
  drainingSince: instant("draining_since"),
  version: text().notNull(),
  /** The version of WhatsApp Web that the host presents, for example `2.3000.1040000000`, and where it comes from. */
  clientVersion: text("client_version"),
  clientVersionSource: text("client_version_source", { enum: clientVersionSources }),
  /** The place of the host's process, where only one gateway runs at a time. Null without a place. */
  place: text(),
  /** CPU time since the start in milliseconds, and memory in bytes, as last reported. */
  cpuMs: bigint("cpu_ms", { mode: "number" }),
  rssBytes: bigint("rss_bytes", { mode: "number" }),
});

/** An admin's order to all session hosts; one row at most. */
export const fleet = pgTable("fleet", {
  id: boolean().primaryKey().default(true),
  /** While set, hosts hold no shards. */
  stopped: boolean().notNull().default(false),
  /** Each host that started before this instant restarts once. The hosts restart one after another. */
  restartAt: instant("restart_at"),
  byUser: uuid("by_user"),
  updatedAt: instant("updated_at").notNull(),
});
