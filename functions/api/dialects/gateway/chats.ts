import * as z from "zod";
import { findChat } from "../../../../core/chat/index.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { chatJid } from "../../../../core/message/history.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { oneChat, toChat } from "../../shape/chat.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const { archived } = commandCatalog["chat.setArchived"].input.shape;
const { pinned } = commandCatalog["chat.setPinned"].input.shape;
const { muted, until } = commandCatalog["chat.setMuted"].input.shape;
const { seconds } = commandCatalog["chat.setTimer"].input.shape;
const { read, receipts } = commandCatalog["chat.setRead"].input.shape;

/** The JID of the chat, with the phone number if known. */
const chatId = z.string();

/** The state of chats, which the phone and its linked devices share. */
export const chatEndpoints = [
  commandEndpoint({
    method: "post",
    path: "/api/chats/{instanceId}/{chatId}/clear",
    access: "write",
    command: "chat.clear",
    response: envelope(z.object({ chatId })),
    toInput: ({ params }) => ({ chat: params.chatId }),
    toResponse: (result) => enveloped({ chatId: result.chat }, "Chat cleared"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/chats/{instanceId}/{chatId}",
    access: "write",
    command: "chat.delete",
    response: envelope(z.object({ chatId })),
    toInput: ({ params }) => ({ chat: params.chatId }),
    toResponse: (result) => enveloped({ chatId: result.chat }, "Chat deleted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/chats/{instanceId}/{chatId}",
    summary: "Get a chat by phone number, JID or LID, with its state and its timer",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "chats:read",
    response: envelope(oneChat),
    errors: ["chat_not_found"],
    toInput: ({ params }) => chatJid(params.chatId),
    operation: ({ deps, instance }, chat) => findChat(deps.db, instance.id, chat),
    toResponse: (chat) => enveloped(toChat(chat)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/chats/{instanceId}/{chatId}/timer",
    access: "write",
    command: "chat.setTimer",
    body: z.object({
      /** Seconds after which new messages disappear: 0 (never), 86400, 604800 or 7776000. */
      seconds,
    }),
    response: envelope(z.object({ chatId, ephemeral: z.int() })),
    toInput: ({ params, body }) => ({ chat: params.chatId, ...body }),
    toResponse: (result) => enveloped({ chatId: result.chat, ephemeral: result.seconds }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/chats/{instanceId}/{chatId}/archive",
    access: "write",
    command: "chat.setArchived",
    body: z.object({ archived }),
    response: envelope(z.object({ chatId, archived: z.boolean() })),
    toInput: ({ params, body }) => ({ chat: params.chatId, ...body }),
    toResponse: (result) => enveloped({ chatId: result.chat, archived: result.archived }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/chats/{instanceId}/{chatId}/pin",
    access: "write",
    command: "chat.setPinned",
    body: z.object({ pinned }),
    response: envelope(z.object({ chatId, pinned: z.boolean() })),
    toInput: ({ params, body }) => ({ chat: params.chatId, ...body }),
    toResponse: (result) => enveloped({ chatId: result.chat, pinned: result.pinned }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/chats/{instanceId}/{chatId}/mute",
    access: "write",
    command: "chat.setMuted",
    body: z.object({
      muted,
      /** When the mute ends, in ISO 8601 with a time zone. Default: the mute has no end. */
      until,
    }),
    response: envelope(z.object({ chatId, muted: z.boolean(), mutedUntil: isoDate.nullable() })),
    toInput: ({ params, body }) => ({ chat: params.chatId, ...body }),
    toResponse: (result) => enveloped({ chatId: result.chat, muted: result.muted, mutedUntil: result.mutedUntil }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/chats/{instanceId}/{chatId}/read",
    access: "write",
    command: "chat.setRead",
    body: z.object({
      read,
      /** Whether the senders of unread messages get read receipts. The default is true. */
      receipts,
    }),
    response: envelope(
      z.object({
        chatId,
        read: z.boolean(),
        /** The number of messages for which read receipts were sent, at most 1,000. */
        messages: z.int(),
      }),
    ),
    toInput: ({ params, body }) => ({ chat: params.chatId, ...body }),
    toResponse: (result) => enveloped({ chatId: result.chat, read: result.read, messages: result.messages }),
  }),
];
