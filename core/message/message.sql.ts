import { sql } from "drizzle-orm";
import {
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { bytea, instant } from "../db/columns.ts";
import { instances } from "../instance/instance.sql.ts";
import type { MessageContext } from "./context.ts";

/** In the order a message passes through them; a status never goes back. `failed` and `canceled` are final and only follow `pending`. */
export const messageStatuses = ["pending", "sent", "delivered", "read", "failed", "canceled", "received"] as const;
export type MessageStatus = (typeof messageStatuses)[number];

/** What is known of a message's file. Sizes in bytes. */
export interface MessageMedia {
  mimetype: string | null;
  filename: string | null;
  size: number | null;
  /** SHA-256 of the file in hexadecimal, as WhatsApp states it. */
  sha256: string | null;
  /** Where the file is in our bucket, once `state` is `stored`. */
  storageKey: string;
  /** `pending`: not in the bucket yet. `stored`: it is. `failed`: WhatsApp no longer has it or it was damaged; see `error`. */
  state: "pending" | "stored" | "failed";
  error: string | null;
  /** What the host needs to fetch it from WhatsApp: direct path and media key, base64, empty for what is in the clear. Gone once stored. */
  source: { directPath: string | null; mediaKey: string; kind: string } | null;
}

export const messages = pgTable(
  "messages",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id. Chosen by us for what we send. */
    waId: text("wa_id").notNull(),
    /** JID of the chat; by phone number where it is known, else the LID; `…@g.us` for groups. */
    chatId: text("chat_id").notNull(),
    fromMe: boolean("from_me").notNull(),
    /** JID of who wrote it; empty for us. */
    senderId: text("sender_id").notNull().default(""),
    senderLid: text("sender_lid"),
    pushName: text("push_name"),
    /** text, image, video, audio, document, sticker, location, contact, poll, reaction, … */
    type: text().notNull(),
    /** Name of the protobuf field, as `conversation` or `imageMessage`. */
    protoType: text("proto_type").notNull(),
    /** Text or caption. */
    body: text().notNull().default(""),
    media: jsonb().$type<MessageMedia>(),
    /** Quoted message, mentions, group: what a reader may want besides. */
    context: jsonb().$type<MessageContext>(),
    status: text({ enum: messageStatuses }).notNull(),
    error: text(),
    /**
     * The encoded protobuf of what we sent: answers retry receipts, and makes a second try send the same bytes. Of others'
     * messages only of polls and events: answers to them do not open without their secret.
     */
    payload: bytea(),
    /** When WhatsApp says it was written; for ours, when it was accepted. */
    sentAt: instant("sent_at").notNull(),
    deliveredAt: instant("delivered_at"),
    readAt: instant("read_at"),
    /** When its writer changed or took back what it says. */
    editedAt: instant("edited_at"),
    deletedAt: instant("deleted_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    // The sender is part of the identity: else a member of a group could choose another's id and hide that message.
    uniqueIndex("messages_identity").on(table.instanceId, table.waId, table.chatId, table.senderId),
    index("messages_chat").on(table.instanceId, table.chatId, table.sentAt, table.id),
    index("messages_media_pending").on(table.instanceId).where(sql`media->>'state' = 'pending'`),
  ],
);

/**
 * How many messages a chat has of each day (UTC, by `sent_at`), so that totals need not count them. Triggers on `messages`
 * keep it, see the migration.
 */
export const messageDays = pgTable(
  "message_days",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    chatId: text("chat_id").notNull(),
    day: date({ mode: "string" }).notNull(),
    messages: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.chatId, table.day] })],
);
