import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";

/** Data keys, wrapped by KMS or by the master key file. The newest encrypts; all decrypt what names them. */
export const dataKeys = pgTable("data_keys", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  /** Which key wrapped it: a KMS key's ARN, or `local`. */
  wrappedBy: text("wrapped_by").notNull(),
  wrapped: bytea().notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
