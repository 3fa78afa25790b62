import * as z from "zod";
import { messageStatuses } from "../../../../core/message/message.sql.ts";
import { getChats, getHistory } from "../../operations/message.ts";
import { instanceRow } from "../../row.ts";
import { isoDate, pageQuery, pageRequest, paginationShape } from "../../shapes.ts";
import { envelope, enveloped } from "./envelope.ts";

const message = z.object({
  messageId: z.string(),
  chatId: z.string(),
  fromMe: z.boolean(),
  /** JID of who wrote it; null for us. */
  from: z.string().nullable(),
  pushName: z.string().nullable(),
  type: z.string(),
  body: z.string(),
  hasMedia: z.boolean(),
  status: z.enum(messageStatuses),
  timestamp: isoDate,
});

const chat = z.object({
  /** JID. */
  id: z.string(),
  name: z.string(),
  isGroup: z.boolean(),
  /** How many the history has of it. */
  messageCount: z.int(),
  lastMessage: z.object({
    messageId: z.string(),
    fromMe: z.boolean(),
    type: z.string(),
    body: z.string(),
    status: z.enum(messageStatuses),
    timestamp: isoDate,
  }),
});

const { limit, skip } = pageQuery(50).shape;

export const messageChatRows = [
  instanceRow({
    method: "get",
    path: "/api/message/chats/{instanceId}",
    summary: "The chats of an instance, the one with the newest message first",
    access: "read",
    query: z.object({ limit, skip }),
    answer: envelope(z.array(chat)).extend({ pagination: paginationShape }),
    does: getChats,
    in: ({ query }) => pageRequest(query, 50),
    out: ({ chats, pagination }) => ({
      ...enveloped(
        chats.map((one) => ({
          id: one.id,
          name: one.name,
          isGroup: one.isGroup,
          messageCount: one.messages,
          lastMessage: {
            messageId: one.lastWaId,
            fromMe: one.lastFromMe,
            type: one.lastType,
            body: one.lastBody,
            status: one.lastStatus,
            timestamp: one.lastSentAt.toISOString(),
          },
        })),
      ),
      pagination,
    }),
  }),
  instanceRow({
    method: "get",
    path: "/api/message/chat/{instanceId}/{chatId}",
    summary: "The messages of a chat, from the newest to the oldest",
    access: "read",
    query: pageQuery(50),
    answer: envelope(z.array(message)).extend({ pagination: paginationShape }),
    does: getHistory,
    in: ({ params, query }) => ({ chatId: params.chatId, ...pageRequest(query, 50) }),
    out: ({ messages, pagination }) => ({
      ...enveloped(
        messages.map((one) => ({
          messageId: one.waId,
          chatId: one.chatId,
          fromMe: one.fromMe,
          from: one.senderId || null,
          pushName: one.pushName,
          type: one.type,
          body: one.body,
          hasMedia: one.media !== null,
          status: one.status,
          timestamp: one.sentAt.toISOString(),
        })),
      ),
      pagination,
    }),
  }),
];
