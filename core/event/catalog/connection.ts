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
    /** Before this time, the instance does not reconnect, because its account is banned. */
    until: z.iso.datetime().optional(),
  }),
});

export const update = defineEvent({
  type: "connection.update",
  summary: "The status of the instance changed",
  data: z.object({
    status: z.enum(instanceStatuses),
    reason: z.string().nullable(),
    /** When the reason ends, for example a temporary ban. */
    until: z.iso.datetime().optional(),
  }),
});

export const problem = defineEvent({
  type: "connection.problem",
  summary: "The instance can't link or connect, for a reason that a person can act on",
  data: z.object({
    /** passkey_required, pairing_code_refused, temporarily_banned, account_locked, banned, logout, client_outdated, … */
    reason: z.string(),
    /** What happened and what to do, in English. */
    details: z.string(),
    /** When the reason ends: the end of a temporary ban, or of the time to answer. Null if it has no known end. */
    until: z.iso.datetime().nullable(),
    /** The section of the documentation about this reason. */
    guide: z.string(),
  }),
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
