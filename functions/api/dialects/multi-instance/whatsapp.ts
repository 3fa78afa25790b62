import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint, instanceEndpoint } from "../../endpoint.ts";
import { getInstance, logoutInstance } from "../../operations/instance.ts";
import { connectionStatusShape } from "../../shapes.ts";
import { qrDrawing } from "./qr.ts";
import { schedulable, sendAt } from "./scheduled.ts";

const { to, text, quoted, mentions } = commandCatalog["message.sendText"].input.shape;

export const whatsappRows = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/status",
    summary: "Whether an instance is connected",
    access: "read",
    answer: connectionStatusShape,
    does: getInstance,
    in: () => undefined,
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
    summary: commandCatalog["message.sendText"].summary,
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
    does: logoutInstance,
    in: () => undefined,
    out: () => ({ success: true as const }),
  }),
];
