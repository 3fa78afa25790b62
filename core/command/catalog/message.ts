import * as z from "zod";
import { fileName } from "../../media/filename.ts";
import { uploadId } from "../../media/index.ts";
import { destination, isGroupJid, recipient } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";

/** WhatsApp refuses longer texts; the bound is of the UTF-8 encoding. */
const maxTextBytes = 65_536;

export const text = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= maxTextBytes, `must be at most ${maxTextBytes} bytes of UTF-8`);

const sent = z.object({ messageId: z.string() });

/** WhatsApp's id of a message: printable ASCII without spaces. */
export const messageId = z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be the id of a WhatsApp message");

const person = recipient.refine((jid) => !isGroupJid(jid), "must be a person");

/** What any message may say besides its content. */
export const contextFields = {
  /** WhatsApp's id of a message of this chat that this one answers to. */
  quoted: messageId.optional(),
  /** Who is mentioned. WhatsApp highlights `@` and the digits of the number, where the text has them. */
  mentions: z.array(person).max(100).optional(),
};

export const sendText = defineCommand({
  name: "message.sendText",
  kind: "send",
  summary: "Send a text",
  input: z.object({ to: destination, text, ...contextFields }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "not_supported", "whatsapp_error"],
});

export const mediaKinds = ["image", "video", "audio", "document"] as const;
export type MediaKind = (typeof mediaKinds)[number];

export const sendMedia = defineCommand({
  name: "message.sendMedia",
  kind: "send",
  summary: "Send a file that is fetched from a URL or was uploaded before",
  input: z
    .object({
      to: destination,
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** In place of `url`: a file that was uploaded for this instance, see `core/media/upload.ts`. */
      upload: uploadId.optional(),
      /** What the recipient sees; without it, the content of the file decides. */
      kind: z.enum(mediaKinds).optional(),
      /** As a voice note. Audio that is not Ogg/Opus is converted. */
      voice: z.boolean().optional(),
      caption: z.string().max(4096).optional(),
      filename: fileName.optional(),
      ...contextFields,
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload")
    .refine((input) => !input.voice || (input.kind ?? "audio") === "audio", "only audio can be a voice note"),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error", "url_not_allowed", "media_not_usable", "not_supported"],
});
