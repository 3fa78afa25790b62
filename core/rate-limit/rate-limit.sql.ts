import { index, integer, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/**
 * The number of requests of an address, a key or a user in its window. The table is unlogged (see the migration): a crash
 * of Postgres loses the counts of at most 15 minutes.
 */
export const rateWindows = pgTable(
  "rate_windows",
  {
    /** `ip:…`, `key:…`, or `user:…` for a token. */
    subject: text().primaryKey(),
    used: integer().notNull(),
    endsAt: instant("ends_at").notNull(),
  },
  (table) => [index("rate_windows_ends").on(table.endsAt)],
);
