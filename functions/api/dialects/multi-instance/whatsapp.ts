import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog.ts";
import { getInstance, getQr, logoutInstance } from "../../operations/instance.ts";
import { commandRow, instanceRow } from "../../row.ts";
import { connectionStatusShape } from "../../shapes.ts";
import { qrAnswer } from "./instances.ts";

const { to, text } = commandCatalog["message.sendText"].input.shape;
const { url, caption, filename } = commandCatalog["message.sendMedia"].input.shape;
const sent = z.object({
  /** WhatsApp's message id: the same that webhooks and the history carry. */
  id: z.string(),
});

export const whatsappRows = [
  instanceRow({
    method: "get",
    path: "/api/whatsapp/{instanceId}/status",
    summary: "Whether an instance is connected",
    access: "read",
    answer: connectionStatusShape,
    does: getInstance,
    in: () => undefined,
    out: ({ connectionStatus }) => connectionStatus,
  }),
  instanceRow({
    method: "get",
    path: "/api/whatsapp/{instanceId}/qr",
    summary: "Get the QR code that a phone can scan now",
    access: "read",
    answer: qrAnswer,
    errors: ["qr_not_available", "instance_already_connected"],
    does: getQr,
    in: () => undefined,
    out: ({ qrCode }) => ({ qrCode }),
  }),
  commandRow({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send",
    summary: commandCatalog["message.sendText"].summary,
    access: "write",
    command: "message.sendText",
    body: z.object({ phone: to, message: text }),
    answer: sent,
    in: ({ body }) => ({ to: body.phone, text: body.message }),
    out: ({ messageId }) => ({ id: messageId }),
  }),
  commandRow({
    method: "post",
    path: "/api/whatsapp/{instanceId}/send-media",
    summary: commandCatalog["message.sendMedia"].summary,
    access: "write",
    command: "message.sendMedia",
    body: z.object({ phone: to, url, caption, filename }),
    answer: sent,
    in: ({ body: { phone, ...media } }) => ({ to: phone, ...media }),
    out: ({ messageId }) => ({ id: messageId }),
  }),
  instanceRow({
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
