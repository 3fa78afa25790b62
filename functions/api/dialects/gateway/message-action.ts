import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { messageId } from "../../../../core/message/id.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";
import { instanceId } from "./message.ts";

const { to: chatId } = commandCatalog["chat.setTyping"].input.shape;
const { reaction: emoji } = commandCatalog["message.react"].input.shape;
const { chat } = commandCatalog["message.delete"].input.shape;
const requiredChat = chat.unwrap();

const { text } = commandCatalog["message.edit"].input.shape;
const { options } = commandCatalog["message.vote"].input.shape;
const { answer, guests } = commandCatalog["message.answerEvent"].input.shape;
const { star } = commandCatalog["message.star"].input.shape;

const typing = { method: "post", access: "write", command: "chat.setTyping" } as const;
const typingResponse = envelope(z.object({ chatId: z.string(), typing: z.boolean() }));

/** Actions on existing messages and chats. */
export const messageActionEndpoints = [
  commandEndpoint({
    method: "post",
    path: "/api/message/seen",
    summary: "Mark a message as read",
    description: "Without `messageId`, marks all unread messages of the chat.",
    access: "write",
    command: "message.markRead",
    body: z.object({ instanceId, chatId: requiredChat, messageId: messageId.optional() }),
    response: envelope(
      z.object({
        chatId: z.string(),
        /** The number of messages marked as read. */
        messages: z.int(),
      }),
    ),
    toInput: ({ body }) => ({
      chat: body.chatId,
      messageIds: body.messageId === undefined ? undefined : [body.messageId],
    }),
    toResponse: ({ messages }, { body }) => enveloped({ chatId: body.chatId, messages }, "Marked as read"),
  }),
  commandEndpoint({
    ...typing,
    path: "/api/message/typing/start",
    summary: "Show the typing indicator in a chat",
    body: z.object({ instanceId, chatId }),
    response: typingResponse,
    toInput: ({ body }) => ({ to: body.chatId, state: "composing" as const }),
    toResponse: (_result, { body }) => enveloped({ chatId: body.chatId, typing: true }),
  }),
  commandEndpoint({
    ...typing,
    path: "/api/message/typing/stop",
    summary: "Hide the typing indicator in a chat",
    body: z.object({ instanceId, chatId }),
    response: typingResponse,
    toInput: ({ body }) => ({ to: body.chatId, state: "paused" as const }),
    toResponse: (_result, { body }) => enveloped({ chatId: body.chatId, typing: false }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/message/reaction",
    access: "write",
    command: "message.react",
    body: z.object({ instanceId, chatId: requiredChat, messageId, emoji }),
    response: envelope(
      z.object({
        /** The message that the reaction belongs to. */
        messageId: z.string(),
        /** The WhatsApp id of the reaction. */
        reactionId: z.string(),
        emoji: z.string(),
      }),
    ),
    toInput: ({ body }) => ({ messageId: body.messageId, chat: body.chatId, reaction: body.emoji }),
    toResponse: (reaction, { body }) =>
      enveloped({ messageId: body.messageId, reactionId: reaction.messageId, emoji: body.emoji }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/message/star",
    access: "write",
    command: "message.star",
    body: z.object({ instanceId, chatId, messageId, star }),
    response: envelope(z.object({ messageId: z.string(), star: z.boolean() })),
    toInput: ({ body }) => ({ messageId: body.messageId, chat: body.chatId, star: body.star }),
    toResponse: (_result, { body }) => enveloped({ messageId: body.messageId, star: body.star }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/message/{instanceId}/{messageId}/vote",
    access: "write",
    command: "message.vote",
    body: z.object({ options, chatId: chat }),
    response: envelope(
      z.object({
        /** The poll. */
        messageId: z.string(),
        /** The WhatsApp id of the vote. */
        voteId: z.string(),
        options: z.array(z.string()),
      }),
    ),
    toInput: ({ params, body }) => ({ messageId: params.messageId, chat: body.chatId, options: body.options }),
    toResponse: ({ messageId: voteId }, { params, body }) =>
      enveloped({ messageId: params.messageId, voteId, options: body.options }, "Vote sent"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/message/{instanceId}/{messageId}/answer",
    access: "write",
    command: "message.answerEvent",
    body: z.object({ answer, guests, chatId: chat }),
    response: envelope(
      z.object({
        /** The calendar event. */
        messageId: z.string(),
        /** The WhatsApp id of the answer. */
        answerId: z.string(),
        answer,
        guests: z.int(),
      }),
    ),
    toInput: ({ params, body: { chatId: chat, ...given } }) => ({ messageId: params.messageId, chat, ...given }),
    toResponse: ({ messageId: answerId }, { params, body }) =>
      enveloped({ messageId: params.messageId, answerId, answer: body.answer, guests: body.guests }, "Answer sent"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/message/{instanceId}/{messageId}",
    access: "write",
    command: "message.edit",
    body: z.object({ message: text, chatId: chat }),
    response: envelope(z.object({ messageId: z.string() })),
    toInput: ({ params, body }) => ({ messageId: params.messageId, chat: body.chatId, text: body.message }),
    toResponse: (_result, { params }) => enveloped({ messageId: params.messageId }, "Message edited"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/message/{instanceId}/{messageId}",
    access: "write",
    command: "message.delete",
    query: z.object({ chatId: chat }),
    response: envelope(z.object({ messageId: z.string() })),
    toInput: ({ params, query }) => ({ messageId: params.messageId, chat: query.chatId }),
    toResponse: (_result, { params }) => enveloped({ messageId: params.messageId }, "Message deleted"),
  }),
];
