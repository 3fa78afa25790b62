import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { success, successShape } from "./success.ts";

const { reaction } = commandCatalog["message.react"].input.shape;
const { text } = commandCatalog["message.edit"].input.shape;
const { to, state } = commandCatalog["chat.setTyping"].input.shape;
const { messageIds, chat } = commandCatalog["message.markRead"].input.shape;

/** Additions to the documented API. `phone` distinguishes messages with the same id in several chats. */
export const actionEndpoints = [
  commandEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.delete",
    query: z.object({ phone: chat }),
    response: successShape,
    toInput: ({ params, query }) => ({ messageId: params.messageId, chat: query.phone }),
    toResponse: () => success,
  }),
  commandEndpoint({
    method: "put",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.edit",
    body: z.object({ message: text, phone: chat }),
    response: successShape,
    toInput: ({ params, body }) => ({ messageId: params.messageId, chat: body.phone, text: body.message }),
    toResponse: () => success,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}/reaction",
    access: "write",
    command: "message.react",
    body: z.object({ reaction, phone: chat }),
    response: z.object({
      /** The WhatsApp id of the reaction. */
      id: z.string(),
    }),
    toInput: ({ params, body }) => ({ messageId: params.messageId, chat: body.phone, reaction: body.reaction }),
    toResponse: ({ messageId }) => ({ id: messageId }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/typing",
    access: "write",
    command: "chat.setTyping",
    body: z.object({ phone: to, state }),
    response: successShape,
    toInput: ({ body }) => ({ to: body.phone, state: body.state }),
    toResponse: () => success,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/read",
    access: "write",
    command: "message.markRead",
    body: z.object({ messageIds, phone: chat }),
    response: successShape.extend({
      /** The number of messages marked as read. */
      messages: z.number().int(),
    }),
    toInput: ({ body }) => ({ messageIds: body.messageIds, chat: body.phone }),
    toResponse: ({ messages }) => ({ ...success, messages }),
  }),
];
