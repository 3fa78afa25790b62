import * as z from "zod";
import { recipient } from "../message/recipient.ts";
import { defineCommand } from "./define.ts";

/** WhatsApp refuses longer texts; the bound is of the UTF-8 encoding. */
const maxTextBytes = 65_536;

const text = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= maxTextBytes, `must be at most ${maxTextBytes} bytes of UTF-8`);

const sent = z.object({ messageId: z.string() });

export const sendText = defineCommand({
  name: "message.sendText",
  kind: "send",
  summary: "Send a text",
  input: z.object({ to: recipient, text }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});

export const mediaKinds = ["image", "video", "audio", "document"] as const;
export type MediaKind = (typeof mediaKinds)[number];

export const sendMedia = defineCommand({
  name: "message.sendMedia",
  kind: "send",
  summary: "Send a file that is fetched from a URL",
  input: z.object({
    to: recipient,
    url: z.url({ protocol: /^https?$/ }).max(2048),
    /** What the recipient sees; without it, the content of the file decides. */
    kind: z.enum(mediaKinds).optional(),
    caption: z.string().max(4096).optional(),
    filename: z.string().min(1).max(255).optional(),
  }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error", "url_not_allowed", "media_not_usable"],
});
