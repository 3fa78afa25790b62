import * as z from "zod";
import { readChats } from "../../../../core/chat/index.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { contentField } from "../../../../core/message/content/index.ts";
import { readHistory } from "../../../../core/message/history.ts";
import { messageStatuses } from "../../../../core/message/message.sql.ts";
import { readReceipts } from "../../../../core/message/receipt.ts";
import { contextFields, storedContextFields } from "../../../../core/message/shown-context.ts";
import { unreadableDetails } from "../../../../core/message/unreadable.ts";
import { toWaitingFor, waitingFor } from "../../../../core/restriction/index.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { getMedia } from "../../operations/media.ts";
import { aboutOf, aboutShape } from "../../shape/about.ts";
import { chatsQuery, chatsRequest, listedChat, toListedChats } from "../../shape/chat.ts";
import { isoDate, pageQuery, pageRequest, paginationShape, undatedPageQuery } from "../../shape/common.ts";
import { historyMedia, mediaFile, toHistoryMedia, toMediaFile } from "../../shape/media.ts";
import { messageFilterQuery, toMessageFilters } from "../../shape/message-filter.ts";
import { messageReceipts, toMessageReceipts } from "../../shape/receipt.ts";

const { chat: optionalChat } = commandCatalog["message.delete"].input.shape;

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
  /** `GET /api/instances/{instanceId}/messages/{messageId}/media` downloads the file. */
  media: historyMedia.nullable(),
  status: z.enum(messageStatuses),
  waitingFor,
  /** When WhatsApp received the message; for messages sent through the gateway, when the gateway accepted it. */
  createdAt: isoDate,
  ...aboutShape,
  /** The WhatsApp id of the quoted message. */
  quotedMessageId: z.string().nullable(),
  ...contextFields,
  /**
   * What the message says, by its kind: the field `content` of the webhooks, under another name because `content` is
   * the text here. Null until the message is sent, and for messages of older versions.
   */
  messageContent: contentField,
  /** For a message of the type `unreadable`: why it has no content, and whether the phone is asked for it. */
  unreadable: unreadableDetails.nullable(),
});

export const messageEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/chats",
    summary: "List the chats of an instance, newest message first",
    access: "read",
    scope: "chats:read",
    query: chatsQuery,
    response: z.object({
      chats: z.array(listedChat),
      pagination: paginationShape,
      /** The `cursor` of the next page. Null on the last page. */
      nextCursor: z.string().nullable(),
    }),
    toInput: ({ query }) => chatsRequest(query),
    operation: ({ deps, instance }, input) => readChats(deps.db, instance.id, input),
    toResponse: ({ chats, pagination, nextCursor }) => ({ chats: toListedChats(chats), pagination, nextCursor }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/chats/{chatId}/messages",
    summary: "List the messages of a chat, newest first",
    access: "read",
    scope: "messages:read",
    query: pageQuery(50).extend(messageFilterQuery),
    response: z.object({ messages: z.array(message), pagination: paginationShape }),
    errors: ["query_too_broad"],
    toInput: ({ params, query }) => ({
      chatId: params.chatId,
      ...pageRequest(query, 50),
      filters: toMessageFilters(query),
    }),
    operation: ({ deps, instance }, { chatId, ...page }) => readHistory(deps.db, instance.id, chatId, page),
    toResponse: ({ messages, pagination }) => ({
      messages: messages.map((stored) => ({
        id: stored.id,
        instanceId: stored.instanceId,
        remoteJid: stored.chatId,
        fromMe: stored.fromMe,
        messageType: stored.type,
        content: stored.body,
        messageId: stored.waId,
        hasMedia: stored.media !== null,
        media: toHistoryMedia(stored.media),
        status: stored.status,
        waitingFor: stored.waiting && toWaitingFor(stored.waiting.reason, new Date(stored.waiting.until)),
        createdAt: stored.sentAt.toISOString(),
        ...aboutOf(stored),
        quotedMessageId: stored.context?.quotedMessageId ?? null,
        ...storedContextFields(stored.context),
        messageContent: stored.content,
        unreadable: stored.context?.unreadable ?? null,
      })),
      pagination,
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/messages/{messageId}/receipts",
    summary: "List who has received and read a message",
    description: "For messages and status posts that the account sent. Each person is listed once.",
    access: "read",
    scope: "messages:read",
    query: undatedPageQuery(100).extend({ chatId: optionalChat }),
    response: messageReceipts.extend({ pagination: paginationShape }),
    errors: ["message_not_found"],
    toInput: ({ params, query }) => ({ messageId: params.messageId, chat: query.chatId, ...pageRequest(query, 100) }),
    operation: ({ deps, instance }, { messageId, chat, ...page }) =>
      readReceipts(deps.db, instance.id, { messageId, chat }, page),
    toResponse: (found) => ({ ...toMessageReceipts(found), pagination: found.pagination }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/instances/{instanceId}/messages/{messageId}/media",
    summary: "Download the file of a message",
    description:
      "Redirects to a URL that is valid for five minutes. With `format=json`, returns the URL as JSON instead.",
    access: "read",
    scope: "media:read",
    query: z.object({ format: z.enum(["json"]).optional() }),
    response: mediaFile,
    errors: ["message_not_found", "media_not_ready", "media_lost"],
    toInput: ({ params, query }) => ({ messageId: params.messageId, asJson: query.format === "json" }),
    operation: getMedia,
    toResponse: toMediaFile,
  }),
];
