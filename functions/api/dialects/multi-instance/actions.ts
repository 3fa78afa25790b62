import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/endpoint.ts";
import { succeeded, success } from "./done.ts";

const { reaction } = commandCatalog["message.react"].input.shape;
const { text } = commandCatalog["message.edit"].input.shape;
const { to, state } = commandCatalog["chat.setTyping"].input.shape;
const { messageIds, chat } = commandCatalog["message.markRead"].input.shape;

/** Endpoints that the documented API does not have. `phone` names the chat if messages of several chats have the same id. */
export const actionEndpoints = [
  commandEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.delete",
    query: z.object({ phone: chat }),
    answer: success,
    in: ({ params, query }) => ({ messageId: params.messageId, chat: query.phone }),
    out: () => succeeded,
  }),
  commandEndpoint({
    method: "put",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.edit",
    body: z.object({ message: text, phone: chat }),
    answer: success,
    in: ({ params, body }) => ({ messageId: params.messageId, chat: body.phone, text: body.message }),
    out: () => succeeded,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}/reaction",
    access: "write",
    command: "message.react",
    body: z.object({ reaction, phone: chat }),
    answer: z.object({
      /** The WhatsApp id of the reaction. */
      id: z.string(),
    }),
    in: ({ params, body }) => ({ messageId: params.messageId, chat: body.phone, reaction: body.reaction }),
    out: ({ messageId }) => ({ id: messageId }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/typing",
    access: "write",
    command: "chat.setTyping",
    body: z.object({ phone: to, state }),
    answer: success,
    in: ({ body }) => ({ to: body.phone, state: body.state }),
    out: () => succeeded,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/read",
    access: "write",
    command: "message.markRead",
    body: z.object({ messageIds, phone: chat }),
    answer: success.extend({
      /** The number of messages marked as read. */
      messages: z.number().int(),
    }),
    in: ({ body }) => ({ messageIds: body.messageIds, chat: body.phone }),
    out: ({ messages }) => ({ ...succeeded, messages }),
  }),
];
