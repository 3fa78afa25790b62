import { bigint, boolean, pgTable, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/** The newest version of WhatsApp Web that any session host has looked up; one row at most. */
export const clientVersion = pgTable("client_version", {
  id: boolean().primaryKey().default(true),
  /** Three numbers; null until a look-up succeeds. Postgres compares arrays element by element. */
  version: bigint({ mode: "number" }).array(),
  /** When a look-up last succeeded. */
  foundAt: instant("found_at"),
  /** When a host last began a look-up. */
  askedAt: instant("asked_at").notNull(),
  /** The lease of the host whose look-up is running. See `claim_leases`. Null when the look-up has ended. */
  askedBy: uuid("asked_by"),
});
