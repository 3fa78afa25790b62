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
import type { Content } from "./content/index.ts";
import type { MessageContext } from "./context.ts";

/**
 * In the order that a message passes through them, never backward. `failed` and `canceled` are final and follow
 * `pending` only.
 */
export const messageStatuses = ["pending", "sent", "delivered", "read", "failed", "canceled", "received"] as const;
export type MessageStatus = (typeof messageStatuses)[number];

/** The failed tries to fetch a file, and the next one. Times are ISO 8601. */
export interface MediaRetry {
  /** Tries that failed, without those on request. */
  tries: number;
  triedAt: string;
  nextTryAt: string;
  /** A caller wants the file, so the next try doesn't wait until `nextTryAt`. */
  requested?: true;
}

/** The file of a message. Size in bytes. */
export interface MessageMedia {
  mimetype: string | null;
  filename: string | null;
  size: number | null;
  /** SHA-256 of the file as WhatsApp states it, hexadecimal. */
  sha256: string | null;
  /** Key of the file in the bucket, valid once `state` is `stored`. */
  storageKey: string;
  /**
   * `pending`: not in the bucket yet, see `retry`. `stored`: in the bucket. `failed`: WhatsApp no longer has the file, or the file
   * is damaged. The field `error` has the reason. `remote`: a file of an imported message. It becomes `pending` when a
   * caller first requests it.
   */
  state: "pending" | "stored" | "failed" | "remote";
  error: string | null;
  /**
   * What the host needs to fetch the file from WhatsApp: its direct path and its media key (base64; empty for an
   * unencrypted file). Null once the file is stored or lost, except while the phone may still answer.
   */
  source: { directPath: string | null; mediaKey: string; kind: string } | null;
  /** Set while the file waits for another try, because WhatsApp's media hosts failed. The state is `pending`. */
  retry?: MediaRetry;
  /** How often the phone was asked to upload the file again, because it is gone from WhatsApp's media host. */
  asked?: number;
}

export const messages = pgTable(
  "messages",
  {
    id: uuid().primaryKey(),
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** WhatsApp's id. The gateway chooses the ids of the messages that it sends. */
    waId: text("wa_id").notNull(),
    /** JID of the chat: by phone number if it is known, otherwise the LID; `…@g.us` for groups. */
    chatId: text("chat_id").notNull(),
    fromMe: boolean("from_me").notNull(),
    /** JID of the sender. Empty for the account itself. */
    senderId: text("sender_id").notNull().default(""),
    senderLid: text("sender_lid"),
    pushName: text("push_name"),
    /** text, image, video, audio, document, sticker, location, contact, poll, reaction, … */
    type: text().notNull(),
    /** Name of the field of `proto.Message`, such as `conversation` or `imageMessage`. */
    protoType: text("proto_type").notNull(),
    /** Text or caption. */
    body: text().notNull().default(""),
    /** What the message says, by its kind. Null if no parser read the message. */
    content: jsonb().$type<Content>(),
    /** The version of the parsers that read `content`. Null for messages of older versions. */
    contentVersion: integer("content_version"),
    media: jsonb().$type<MessageMedia>(),
    /** Quoted message, mentions and the like. */
    context: jsonb().$type<MessageContext>(),
    status: text({ enum: messageStatuses }).notNull(),
    error: text(),
    /**
     * The encoded protobuf. Of a message that the gateway sends: the bytes that every attempt and every response to a
     * retry receipt sends. Of any other message: the decrypted bytes as its sender encoded them, with all wrappers, so
     * that a later version can read the content again. Null if it has more than 1 MiB, and for messages of older
     * versions other than polls and calendar events.
     */
    payload: bytea(),
    /**
     * The hash of the list in `recipient_lists`. Null for messages that the gateway did not send, and for messages that
     * an older version sent.
     */
    recipients: bytea(),
    /** WhatsApp's timestamp. For messages that the gateway sends, when they were accepted. */
    sentAt: instant("sent_at").notNull(),
    deliveredAt: instant("delivered_at"),
    readAt: instant("read_at"),
    /** When the message was edited or deleted for everyone. */
    editedAt: instant("edited_at"),
    deletedAt: instant("deleted_at"),
    /** Whether a received message counts as unread in its chat: nobody read it on the phone or through the API. */
    unread: boolean().notNull().default(false),
    /** Whether the row comes from the history that the phone offered, and the message did not arrive live. */
    imported: boolean().notNull().default(false),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    // The index includes the sender. Without the sender, a member of a group could reuse the id of another member's
    // message and hide that message.
    uniqueIndex("messages_identity").on(table.instanceId, table.waId, table.chatId, table.senderId),
    index("messages_chat").on(table.instanceId, table.chatId, table.sentAt, table.id),
    index("messages_age").on(table.instanceId, table.sentAt),
    index("messages_unread").on(table.instanceId, table.chatId, table.sentAt).where(sql`unread`),
    index("messages_files").on(table.instanceId, table.sentAt).where(sql`media->>'state' = 'stored'`),
    index("messages_media_pending").on(table.instanceId).where(sql`media->>'state' = 'pending'`),
  ],
);

/**
 * The JIDs to which a message was encrypted: people by each known JID, and their devices. Messages with the same
 * recipients share a list, because the members of a group and their devices rarely change.
 */
export const recipientLists = pgTable(
  "recipient_lists",
  {
    instanceId: uuid("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    /** SHA-256 of the sorted JIDs. */
    hash: bytea().notNull(),
    jids: text().array().notNull(),
    /**
     * For a group: the members except the account, each as `<jid>` or `<jid> <lid>`. Null for other chats, and for a list
     * that an older version stored.
     */
    people: text().array(),
    /** When a message was last sent to this list, to the day. */
    usedAt: instant("used_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.instanceId, table.hash] }), index("recipient_lists_used").on(table.usedAt)],
);

/**
 * The number of messages per chat and day (UTC, by `sent_at`), so that a total does not count rows. Triggers on
 * `messages` maintain the number (see the migration).
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
