import * as z from "zod";
import { defineCommand } from "./define.ts";

const nothing = z.object({});

export const start = defineCommand({
  name: "instance.start",
  kind: "mutate",
  summary: "Open the session of an instance, if it is not open",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const restart = defineCommand({
  name: "instance.restart",
  kind: "mutate",
  summary: "Close the session of an instance and open it again, keeping its credentials",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const stop = defineCommand({
  name: "instance.stop",
  kind: "mutate",
  summary: "Close the session of an instance and leave it closed, keeping its link with WhatsApp",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const logout = defineCommand({
  name: "instance.logout",
  kind: "mutate",
  summary: "End the link with WhatsApp and forget the credentials",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const remove = defineCommand({
  name: "instance.delete",
  kind: "mutate",
  summary: "End the link with WhatsApp and remove the instance with all that is kept of it",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const requestPairingCode = defineCommand({
  name: "instance.requestPairingCode",
  kind: "mutate",
  summary: "Get a code that the owner types into the phone instead of scanning a QR code",
  input: z.object({
    /** Digits of the international number, without +. */
    phoneNumber: z.string().regex(/^[1-9][0-9]{6,14}$/),
  }),
  output: z.object({ code: z.string(), expiresAt: z.iso.datetime() }),
  errors: ["instance_already_connected", "whatsapp_error"],
  offline: true,
  repeatable: true,
  secret: true,
});
