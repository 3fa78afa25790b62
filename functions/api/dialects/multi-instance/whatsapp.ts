import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { singleSendOptions } from "../../../../core/restriction/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { getInstance, logoutInstance } from "../../operations/instance.ts";
import { sendAt } from "../../shape/common.ts";
import { connectionStatusShape } from "../../shape/instance.ts";
import { qrEndpoint } from "./qr.ts";
import { schedulable } from "./scheduled.ts";
import { success, successShape } from "./success.ts";

const { to, text, quoted, mentions, mentionAll, linkPreview } = commandCatalog["message.sendText"].input.shape;

export const whatsappEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/status",
    summary: "Get the connection status of an instance",
    access: "read",
    scope: "instances:read",
    response: connectionStatusShape,
    toInput: () => undefined,
    operation: getInstance,
    toResponse: ({ connectionStatus }) => connectionStatus,
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/qr",
    summary: "Get the current QR code",
    access: "read",
    scope: "instances:read",
    ...qrEndpoint,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send",
    access: "write",
    command: "message.sendText",
    ...schedulable,
    body: z.object({
      phone: to,
      message: text,
      quotedMessageId: quoted,
      mentions,
      mentionAll,
      linkPreview,
      sendAt,
      ...singleSendOptions,
    }),
    toInput: ({ body }) => ({
      to: body.phone,
      text: body.message,
      quoted: body.quotedMessageId,
      mentions: body.mentions,
      mentionAll: body.mentionAll,
      linkPreview: body.linkPreview,
    }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/logout",
    summary: "Log out of WhatsApp",
    description: "Unlinks the account. To link it again, scan a new QR code.",
    access: "write",
    scope: "instances:write",
    response: successShape,
    mayPend: true,
    toInput: () => undefined,
    operation: logoutInstance,
    toResponse: () => success,
  }),
];
