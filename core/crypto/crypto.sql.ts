import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";

/**
 * Data keys, wrapped by KMS or by the master key file. The newest data key encrypts. Every ciphertext names the data
 * key that decrypts it.
 */
export const dataKeys = pgTable("data_keys", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  /** The wrapping key: the ARN of a KMS key, or `local`. */
  wrappedBy: text("wrapped_by").notNull(),
  wrapped: bytea().notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
