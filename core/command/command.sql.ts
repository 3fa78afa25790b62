import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgSequence, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { bulks } from "../bulk/bulk.sql.ts";
import { bytea, instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";
import { users } from "../user/user.sql.ts";

/**
 * `scheduled`: accepted for later, or as part of a bulk; the host takes it when its time has come. `canceled`: its caller
 * called it off before that. `queued`: accepted, on its way to the host. `claimed`: the host has it and the queue no longer does.
 * `done`, `failed` and `canceled` are final.
 */
export const commandStatuses = ["scheduled", "queued", "claimed", "done", "failed", "canceled"] as const;
export type CommandStatus = (typeof commandStatuses)[number];

/** How many positions a claim reserves. It takes fewer commands, and numbers them from the first position. */
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
    /** For `send`: the WhatsApp id chosen when it was accepted; every try uses it. */
    waId: text("wa_id"),
    status: text({ enum: commandStatuses }).notNull().default("queued"),
    output: jsonb().$type<unknown>(),
    errorCode: text("error_code"),
    errorDetails: text("error_details"),
    /** Of a scheduled send: when it is due. */
    runAt: instant("run_at"),
    /** The bulk it belongs to, and its place in it. */
    bulkId: uuid("bulk_id").references(() => bulks.id, { onDelete: "cascade" }),
    bulkIndex: integer("bulk_index"),
    /** Order in which the host took it over from the queue. */
    position: bigint({ mode: "number" }),
    /** Times the host began it; a command that keeps killing its host is given up. */
    attempts: integer().notNull().default(0),
    correlationId: text("correlation_id").notNull(),
    /** Of one that came over SQS: under which id its sender knows it, and the queue that its end is told to. */
    requestId: text("request_id"),
    replyTo: text("reply_to"),
    /** Given up after this, with `command_expired`. */
    deadline: instant("deadline").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    index("commands_open").on(table.shard, table.position).where(sql`status = 'claimed'`),
    index("commands_queued").on(table.createdAt).where(sql`status = 'queued'`),
    index("commands_due").on(table.shard, table.runAt).where(sql`status = 'scheduled' and bulk_id is null`),
    index("commands_bulk").on(table.bulkId, table.bulkIndex).where(sql`bulk_id is not null`),
    index("commands_bulk_left").on(table.bulkId, table.bulkIndex).where(sql`status = 'scheduled'`),
    index("commands_scheduled").on(table.instanceId, table.waId).where(sql`status = 'scheduled'`),
    index("commands_instance").on(table.instanceId, table.createdAt),
  ],
);

/** One answer for one key: the same request gets the same answer, another request is refused. Kept for 24 hours. */
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
