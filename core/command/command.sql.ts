import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgSequence, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { bulks } from "../bulk/bulk.sql.ts";
import { bytea, instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";
import { type SendOptions, waitReasons } from "../restriction/restriction.sql.ts";
import { users } from "../user/user.sql.ts";

/**
 * `scheduled`: accepted for later, or in a bulk. The host claims the command when it is due. `canceled`: the caller
 * canceled the command before a host claimed it. `queued`: accepted and sent to the queue. `claimed`: a host has the
 * command, and the queue no longer has it. `done`, `failed` and `canceled` are final.
 */
export const commandStatuses = ["scheduled", "queued", "claimed", "done", "failed", "canceled"] as const;

/**
 * The number of positions that a claim reserves. A claim takes fewer commands, and numbers them from the first
 * position.
 */
export const positionsPerClaim = 1024;
export const commandPosition = pgSequence("command_position", { increment: positionsPerClaim });

export const commands = pgTable(
  "commands",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id),
    shard: integer().notNull(),
    name: text().notNull(),
    kind: text({ enum: ["send", "mutate", "query"] }).notNull(),
    input: jsonb().$type<unknown>().notNull(),
    /** For a send: WhatsApp's id of the message, chosen at acceptance and used for every attempt. */
    waId: text("wa_id"),
    status: text({ enum: commandStatuses }).notNull().default("queued"),
    output: jsonb().$type<unknown>(),
    errorCode: text("error_code"),
    errorDetails: text("error_details"),
    /** For a scheduled send: when the send is due. For a send that waits: when it is tried again. */
    runAt: instant("run_at"),
    /** Why a send that was claimed before waits. It is `scheduled` again. */
    waitingReason: text("waiting_reason", { enum: waitReasons }),
    /** For a send. */
    options: jsonb().$type<SendOptions>(),
    /** The bulk that the command belongs to, and its index there. */
    bulkId: uuid("bulk_id").references(() => bulks.id, { onDelete: "cascade" }),
    bulkIndex: integer("bulk_index"),
    /** The order of claims. */
    position: bigint({ mode: "number" }),
    /** The number of times that a host began the command. A command that keeps crashing its host fails. */
    attempts: integer().notNull().default(0),
    correlationId: text("correlation_id").notNull(),
    /** For a command that came over SQS: the id that its sender chose, and the queue for replies. */
    requestId: text("request_id"),
    replyTo: text("reply_to"),
    /** After this time the command fails with `command_expired`. */
    deadline: instant("deadline").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("commands_open").on(table.shard, table.position).where(sql`status = 'claimed'`),
    index("commands_queued_of_shard").on(table.shard, table.createdAt).where(sql`status = 'queued'`),
    index("commands_queued_of_instance").on(table.instanceId, table.createdAt).where(sql`status = 'queued'`),
    index("commands_due").on(table.shard, table.runAt).where(sql`status = 'scheduled' and bulk_id is null`),
    index("commands_bulk").on(table.bulkId, table.bulkIndex).where(sql`bulk_id is not null`),
    index("commands_bulk_left").on(table.bulkId, table.bulkIndex).where(sql`status = 'scheduled'`),
    index("commands_scheduled").on(table.instanceId, table.waId).where(sql`status = 'scheduled'`),
    index("commands_waiting").on(table.instanceId).where(sql`status = 'scheduled' and bulk_id is null`),
    index("commands_held_back").on(table.instanceId).where(sql`waiting_reason is not null`),
    index("commands_instance").on(table.instanceId, table.createdAt),
  ],
);

/** The request that used an idempotency key. Repeating it returns the same result. Kept for 24 hours. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    key: text().notNull(),
    requestHash: bytea("request_hash").notNull(),
    commandId: uuid("command_id")
      .notNull()
      .references(() => commands.id, { onDelete: "cascade" }),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("idempotency_identity").on(table.userId, table.key),
    index("idempotency_age").on(table.createdAt),
    index("idempotency_command").on(table.commandId),
  ],
);
