import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "../db/columns.ts";

/** `done`: it happened. `accepted`: it will happen. `refused`: nothing was done. `failed`: it may have happened. */
export const auditOutcomes = ["done", "accepted", "refused", "failed"] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/**
 * Who changed what, or tried to. Rows are only added: a trigger refuses changes, and `prune_audit` deletes old rows. Rows
 * have no references, because they outlive users, keys and instances.
 */
export const auditLog = pgTable(
  "audit_log",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant("at").notNull(),
    /** The user of the credentials. Null without credentials. */
    userId: uuid("user_id"),
    /** The key in use. Null for a token, or a sender of SQS that needs no key. */
    keyId: uuid("key_id"),
    /** The client's address, as `core/http/client-address.ts` finds it. Null for SQS. */
    ip: text(),
    source: text({ enum: ["api", "sqs"] }).notNull(),
    /** Method and path of the endpoint (`PUT /api/keys/{keyId}`), or the name of the command for SQS. */
    operation: text().notNull(),
    /** The user whose things the operation is about. */
    ownerId: uuid("owner_id"),
    instanceId: uuid("instance_id"),
    /** Ids in the path: `{"keyId": "…"}`. Never a number or a name of a person. */
    target: jsonb().$type<Record<string, string>>(),
    /** Names of the fields that the request has, without their values. */
    fields: jsonb().$type<string[]>().notNull(),
    outcome: text({ enum: auditOutcomes }).notNull(),
    /** The HTTP status. Null for SQS. */
    status: integer(),
    /** The error code. */
    code: text(),
    requestId: text("request_id").notNull(),
  },
  (table) => [
    index("audit_log_age").on(table.at),
    index("audit_log_user").on(table.userId, table.id),
    index("audit_log_owner").on(table.ownerId, table.id),
    // To count the recent refusals of a key or a user.
    index("audit_log_refused").on(sql`coalesce(key_id, user_id)`, table.at).where(sql`outcome = 'refused'`),
  ],
);
