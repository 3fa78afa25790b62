import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { getInstance, logoutInstance } from "../../operations/instance.ts";
import { connectionStatusShape, sendAt } from "../../shape/common.ts";
import { qrDrawing } from "./qr.ts";
import { schedulable } from "./scheduled.ts";

const { to, text, quoted, mentions } = commandCatalog["message.sendText"].input.shape;

export const whatsappEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/status",
    summary: "Whether an instance is connected",
    access: "read",
    answer: connectionStatusShape,
    in: () => undefined,
    does: getInstance,
    out: ({ connectionStatus }) => connectionStatus,
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/qr",
    summary: "Get the QR code that a phone can scan now",
    access: "read",
    ...qrDrawing,
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send",
    access: "write",
    command: "message.sendText",
    ...schedulable,
    body: z.object({ phone: to, message: text, quotedMessageId: quoted, mentions, sendAt }),
    in: ({ body }) => ({ to: body.phone, text: body.message, quoted: body.quotedMessageId, mentions: body.mentions }),
  }),
  instanceEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/logout",
    summary: "End the link with WhatsApp; a new scan is needed afterwards",
    access: "write",
    answer: z.object({ success: z.literal(true) }),
    mayPend: true,
    in: () => undefined,
    does: logoutInstance,
    out: () => ({ success: true as const }),
  }),
];
