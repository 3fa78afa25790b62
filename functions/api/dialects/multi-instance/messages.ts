import * as z from "zod";
import { readHistory } from "../../../../core/message/history.ts";
import { messageStatuses } from "../../../../core/message/message.sql.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { getMedia } from "../../operations/media.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shape/common.ts";

const message = z.object({
  id: z.string(),
  instanceId: z.string(),
  remoteJid: z.string(),
  fromMe: z.boolean(),
  messageType: z.string(),
  content: z.string(),
  /** The WhatsApp id. */
  messageId: z.string(),
  hasMedia: z.boolean(),
  status: z.enum(messageStatuses),
  /** When the message was written, by WhatsApp's clock; for sent messages, when it was accepted. */
  createdAt: isoDate,
  /** When the sender last edited it. `content` is the edited text. */
  editedAt: isoDate.nullable(),
  /** Whether it was deleted for everyone. `content` keeps the text. */
  deleted: z.boolean(),
  /** The WhatsApp id of the quoted message. */
  quotedMessageId: z.string().nullable(),
  /** JIDs of the mentioned people. */
  mentions: z.array(z.string()),
});

const file = z.object({
  url: z.string(),
  expiresAt: isoDate,
  mimetype: z.string(),
  filename: z.string(),
  /** Bytes. */
  size: z.int().nullable(),
  /** Hexadecimal. */
  sha256: z.string().nullable(),
});

export const messageEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/chats/{chatId}/messages",
    summary: "List the messages of a chat, newest first",
    access: "read",
    query: pageQuery(50),
    answer: z.object({ messages: z.array(message), pagination: paginationShape }),
    in: ({ params, query }) => ({ chatId: params.chatId, ...pageRequest(query, 50) }),
    does: ({ deps, instance }, { chatId, ...page }) => readHistory(deps.db, instance.id, chatId, page),
    out: ({ messages, pagination }) => ({
      messages: messages.map((one) => ({
        id: one.id,
        instanceId: one.instanceId,
        remoteJid: one.chatId,
        fromMe: one.fromMe,
        messageType: one.type,
        content: one.body,
        messageId: one.waId,
        hasMedia: one.media !== null,
        status: one.status,
        createdAt: one.sentAt.toISOString(),
        editedAt: one.editedAt?.toISOString() ?? null,
        deleted: one.deletedAt !== null,
        quotedMessageId: one.context?.quotedMessageId ?? null,
        mentions: one.context?.mentions ?? [],
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/messages/{messageId}/media",
    summary: "Download the file of a message",
    description: "Redirects to a URL that is valid for five minutes. With `format=json`, answers with the URL instead.",
    access: "read",
    query: z.object({ format: z.enum(["json"]).optional() }),
    answer: file,
    errors: ["message_not_found", "media_not_ready", "media_lost"],
    in: ({ params, query }) => ({ messageId: params.messageId, asJson: query.format === "json" }),
    does: getMedia,
    out: (found) => ({ ...found, expiresAt: found.expiresAt.toISOString() }),
  }),
];
