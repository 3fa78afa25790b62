import { bigint, boolean, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/** The right of one host to serve a bucket of instances. `epoch` only grows: a holder of an older one is refused. */
export const shards = pgTable("shards", {
  id: integer().primaryKey(),
  host: text(),
  epoch: bigint({ mode: "number" }).notNull().default(0),
  leaseUntil: instant("lease_until"),
});

/** Hosts that are alive, so that each takes its fair share of the shards. */
export const hosts = pgTable(
  "hosts",
  {
    id: text().primaryKey(),
    startedAt: instant("started_at").notNull(),
    seenAt: instant("seen_at").notNull(),
    /** While set, the host gives its shards back: it is about to stop or to begin anew. */
    drainingSince: instant("draining_since"),
    version: text().notNull(),
    /** Milliseconds that one core was busy for it since it started, and what it takes of memory; as it last said. */
    cpuMs: bigint("cpu_ms", { mode: "number" }),
    rssBytes: bigint("rss_bytes", { mode: "number" }),
  },
  (table) => [index("hosts_seen").on(table.seenAt)],
);

/** What an admin wants of all session hosts; one row at most. */
export const fleet = pgTable("fleet", {
  id: boolean().primaryKey().default(true),
  /** While set, hosts hold no shard. */
  stopped: boolean().notNull().default(false),
  /** A host that took up its work before this gives it up once and begins anew, one host after another. */
  restartAt: instant("restart_at"),
  byUser: uuid("by_user"),
  updatedAt: instant("updated_at").notNull(),
});
