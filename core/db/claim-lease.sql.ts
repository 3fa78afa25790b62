import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/**
 * The leases under which processes claim work. No index on `until`: the table is small, and the renewals stay HOT. A claimed row names its lease in `claimed_by`. A claim ends when its
 * lease has expired or has no row, so that other processes continue the work of a dead process within seconds.
 */
export const claimLeases = pgTable("claim_leases", {
  id: uuid().primaryKey(),
  /**
   * The place of the process, where only one gateway runs at a time. A gateway that starts ends the leases of its
   * place. Null for processes without a place, such as Lambda functions.
   */
  place: text(),
  /** When the lease expires, by the clock of the database. Its process renews it while the work runs. */
  until: instant("until").notNull(),
});
