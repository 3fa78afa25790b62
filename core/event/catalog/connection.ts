import * as z from "zod";
import { instanceStatuses } from "../../instance/instance.sql.ts";
import { defineEvent } from "./define.ts";

export const open = defineEvent({
  type: "connection.open",
  summary: "The instance is connected to WhatsApp",
  data: z.object({ phoneNumber: z.string(), lid: z.string().nullable(), pushName: z.string().nullable() }),
});

export const close = defineEvent({
  type: "connection.close",
  summary: "The connection to WhatsApp ended",
  data: z.object({
    /** logout, replaced, restart_required, connection_lost, stopped, … */
    reason: z.string(),
    willReconnect: z.boolean(),
  }),
});

export const update = defineEvent({
  type: "connection.update",
  summary: "The status of the instance changed",
  data: z.object({ status: z.enum(instanceStatuses), reason: z.string().nullable() }),
});

export const qr = defineEvent({
  type: "connection.qr",
  summary: "A new QR code is ready to scan",
  data: z.object({
    /** Sealed (base64) at the place `qr:<instance id>`, because a QR code is a credential until it is scanned. */
    sealedQr: z.string(),
    expiresAt: z.iso.datetime(),
  }),
  sealed: ["sealedQr"],
});
