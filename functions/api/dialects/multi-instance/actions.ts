import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/endpoint.ts";

const { reaction } = commandCatalog["message.react"].input.shape;
const { text } = commandCatalog["message.edit"].input.shape;
const { to, state } = commandCatalog["chat.setTyping"].input.shape;
const { messageIds, chat } = commandCatalog["message.markRead"].input.shape;

const done = z.object({ success: z.literal(true) });
const success = { success: true as const };

/** Beyond the document. `phone` says which chat is meant where messages of several have one id. */
export const actionEndpoints = [
  commandEndpoint({
    method: "delete",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.delete",
    query: z.object({ phone: chat }),
    answer: done,
    in: ({ params, query }) => ({ messageId: params.messageId, chat: query.phone }),
    out: () => success,
  }),
  commandEndpoint({
    method: "put",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}",
    access: "write",
    command: "message.edit",
    body: z.object({ message: text, phone: chat }),
    answer: done,
    in: ({ params, body }) => ({ messageId: params.messageId, chat: body.phone, text: body.message }),
    out: () => success,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/messages/{messageId}/reaction",
    access: "write",
    command: "message.react",
    body: z.object({ reaction, phone: chat }),
    answer: z.object({
      /** WhatsApp's id of the reaction itself. */
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
    answer: done,
    in: ({ body }) => ({ to: body.phone, state: body.state }),
    out: () => success,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/read",
    access: "write",
    command: "message.markRead",
    body: z.object({ messageIds, phone: chat }),
    answer: z.object({
      success: z.literal(true),
      /** How many were marked. */
      messages: z.number().int(),
    }),
    in: ({ body }) => ({ messageIds: body.messageIds, chat: body.phone }),
    out: ({ messages }) => ({ ...success, messages }),
  }),
];
