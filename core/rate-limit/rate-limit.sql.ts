import { index, integer, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/** How many requests an address or a key has made in its window. Unlogged (see the migration): a crash forgets 15 minutes. */
export const rateWindows = pgTable(
  "rate_windows",
  {
    /** `ip:…`, `key:…` or, of a token, `user:…`. */
    subject: text().primaryKey(),
    used: integer().notNull(),
    endsAt: instant("ends_at").notNull(),
  },
  (table) => [index("rate_windows_ends").on(table.endsAt)],
);
