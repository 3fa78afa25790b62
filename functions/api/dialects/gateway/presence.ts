import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { needsChat } from "../../../../core/command/catalog/presence.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { state, chat } = commandCatalog["presence.set"].input.shape;
const presences = commandCatalog["presence.get"].output.shape.chats.element;

export const presenceEndpoints = [
  commandEndpoint({
    method: "post",
    path: "/api/presence/{instanceId}",
    access: "write",
    command: "presence.set",
    body: z
      .object({
        presence: state,
        /** Required for `composing`, `recording` and `paused`, which apply to one chat. */
        chatId: chat,
      })
      .refine((body) => body.chatId || !needsChat(body.presence), {
        path: ["chatId"],
        message: "required for composing, recording and paused",
      }),
    response: envelope(z.object({ instanceId: z.string(), presence: state })),
    toInput: ({ body }) => ({ state: body.presence, chat: body.chatId }),
    toResponse: (_result, { params, body }) =>
      enveloped({ instanceId: params.instanceId, presence: body.presence }, "Presence updated"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/presence/{instanceId}",
    access: "read",
    command: "presence.get",
    response: envelope(z.array(presences)),
    toInput: () => ({}),
    toResponse: ({ chats }) => enveloped(chats),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/presence/{instanceId}/{chatId}",
    summary: "Get who is online or typing in a chat",
    description: "Each presence has the time since WhatsApp reported it. The list is empty if WhatsApp reported none.",
    access: "read",
    command: "presence.get",
    response: envelope(presences),
    toInput: ({ params }) => ({ chat: params.chatId }),
    toResponse: ({ chats: [found] }, { params }) => enveloped(found ?? { chatId: params.chatId, presences: [] }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/presence/{instanceId}/{chatId}/subscribe",
    access: "write",
    command: "presence.subscribe",
    response: envelope(z.object({ instanceId: z.string(), chatId: z.string() })),
    toInput: ({ params }) => ({ chat: params.chatId }),
    toResponse: ({ chatId }, { params }) =>
      enveloped({ instanceId: params.instanceId, chatId }, "Subscribed to presence"),
  }),
];
