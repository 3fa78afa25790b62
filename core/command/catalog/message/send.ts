import * as z from "zod";
import { fileName } from "../../../media/filename.ts";
import { mediaKinds, uploadId } from "../../../media/index.ts";
import { destination } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { checkQuoted, contextFields, sent, text } from "./fields.ts";

export const sendText = defineCommand({
  name: "message.sendText",
  kind: "send",
  summary: "Send a text message",
  input: z.object({ to: destination, text, ...contextFields }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "not_supported", "whatsapp_error"],
  precheck: checkQuoted,
  preview: ({ to, text: body }) => ({ to, type: "text", protoType: "extendedTextMessage", body }),
});

export const sendMedia = defineCommand({
  name: "message.sendMedia",
  kind: "send",
  summary: "Send a file, from a URL or from an earlier upload",
  input: z
    .object({
      to: destination,
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** Instead of `url`: a file that was uploaded for this instance. See `core/media/upload.ts`. */
      upload: uploadId.optional(),
      /** How WhatsApp shows the file. By default, this depends on the content of the file. */
      kind: z.enum(mediaKinds).optional(),
      /** Whether to send a voice note. Audio other than Ogg/Opus is converted. */
      voice: z.boolean().optional(),
      caption: z.string().max(4096).optional(),
      filename: fileName.optional(),
      ...contextFields,
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload")
    .refine((input) => !input.voice || (input.kind ?? "audio") === "audio", "only audio can be a voice note"),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error", "url_not_allowed", "media_not_usable", "not_supported"],
  precheck: checkQuoted,
  preview: ({ to, kind, voice, caption = "" }) => {
    const type = kind ?? (voice ? "audio" : "document");
    return { to, type, protoType: `${type}Message`, body: caption };
  },
});
