import { bigint, index, integer, pgTable, text } from "drizzle-orm/pg-core";
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
    /** While set, the host takes no more shards: it is about to stop. */
    drainingSince: instant("draining_since"),
    version: text().notNull(),
  },
  (table) => [index("hosts_seen").on(table.seenAt)],
);
