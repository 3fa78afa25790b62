/** Every table, for the migrations and for Drizzle. A table stands beside the noun it belongs to. */
export * from "../activity/activity.sql.ts";
export * from "../bulk/bulk.sql.ts";
export * from "../command/command.sql.ts";
export * from "../contact/contact.sql.ts";
export * from "../crypto/crypto.sql.ts";
export * from "../event/event.sql.ts";
export * from "../instance/instance.sql.ts";
export * from "../message/message.sql.ts";
export * from "../session/session.sql.ts";
export * from "../shard/shard.sql.ts";
export * from "../usage/usage.sql.ts";
export * from "../user/user.sql.ts";
export * from "../webhook/webhook.sql.ts";
