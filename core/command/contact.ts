import * as z from "zod";
import { recipient } from "../message/recipient.ts";
import { defineCommand } from "./define.ts";

/** WhatsApp answers for many numbers at once; who asks for thousands is taken for somebody who collects them. */
export const maxChecked = 50;

/** Only phone numbers: WhatsApp is not asked whether a LID or a group exists. */
export const checkable = recipient.refine(
  (jid) => jid.endsWith("@s.whatsapp.net"),
  "must be an international phone number",
);

export const check = defineCommand({
  name: "contact.check",
  kind: "query",
  summary: "Ask WhatsApp whether phone numbers are on it",
  input: z.object({ numbers: z.array(checkable).min(1).max(maxChecked) }),
  output: z.object({
    /** In the order of the question. */
    numbers: z.array(
      z.object({
        /** Digits, as they were asked. */
        phone: z.string(),
        exists: z.boolean(),
        /** WhatsApp's own spelling, which for some countries is not the one that was asked. */
        jid: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
  }),
  errors: ["whatsapp_error"],
});
