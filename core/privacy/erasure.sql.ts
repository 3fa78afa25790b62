import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";

/** `waiting`: everything was erased once, and is looked for once more. */
export const erasureStatuses = ["queued", "running", "waiting", "done", "failed"] as const;
export type ErasureStatus = (typeof erasureStatuses)[number];

/**
 * Erasures of everything about one person. A finished row proves that and when it happened, without data of the person.
 * Rows have no references, so that they outlive their user.
 */
export const erasures = pgTable(
  "erasures",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id").notNull(),
    /** The JIDs of the person. Null once the erasure is done. */
    person: text().array(),
    /** SHA-256 of the receipt, a colon and the JID of the request. Only its caller knows the receipt. */
    proof: bytea().notNull(),
    status: text({ enum: erasureStatuses }).notNull().default("queued"),
    /** The instance and the step that are next, and the position in the step. Null at the start. */
    instanceId: uuid("instance_id"),
    step: integer().notNull().default(0),
    cursor: text(),
    /** Rows that were deleted or changed, by table. */
    counts: jsonb().$type<Record<string, number>>().notNull().default({}),
    /** When the job continues. */
    nextAt: instant("next_at").notNull(),
    /** Whether everything was erased once. */
    pass: integer().notNull().default(1),
    /** Consecutive failed attempts. */
    attempts: integer().notNull().default(0),
    /** The lease of the process that works on it. See `claim_leases`. */
    claimedBy: uuid("claimed_by"),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("erasures_open").on(table.nextAt).where(sql`status not in ('done', 'failed')`),
    index("erasures_user").on(table.userId, table.createdAt),
  ],
);
