import * as z from "zod";
import { fileName } from "../../../media/filename.ts";
import { type MediaKind, maxThumbnailBytes, mediaKinds, uploadId } from "../../../media/index.ts";
import { stickerMetadata } from "../../../media/sticker.ts";
import { firstLink } from "../../../message/link.ts";
import { destination, isChannelJid } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { checkContext, contextFields, previewFields, sent, text } from "./fields.ts";

export const sendText = defineCommand({
  name: "message.sendText",
  kind: "send",
  summary: "Send a text message",
  input: z
    .object({
      to: destination,
      text,
      /**
       * Whether to show a preview of the first link in the text, or the parts of the preview. By default, no page is
       * fetched and there is no preview. With `true`, the text is sent without a preview if its page has none.
       */
      linkPreview: z.union([z.boolean(), z.object(previewFields)]).optional(),
      ...contextFields,
    })
    .refine((input) => !input.linkPreview || firstLink(input.text) !== undefined, {
      path: ["linkPreview"],
      message: "needs a text with a link that begins with http:// or https://",
    }),
  output: sent,
  errors: [
    "recipient_not_on_whatsapp",
    "not_supported",
    "whatsapp_error",
    "url_not_allowed",
    "media_not_usable",
    "payload_too_large",
  ],
  precheck: checkContext,
  preview: ({ to, text: body }) => ({ to, type: "text", protoType: "extendedTextMessage", body }),
});

/** A small JPEG. The thumbnails that the gateway makes have the same limit. */
const thumbnail = z
  .string()
  .max(4 * Math.ceil(maxThumbnailBytes / 3))
  // The first three bytes of every JPEG.
  .regex(/^\/9j\/[A-Za-z0-9+/]+={0,2}$/, "must be a JPEG in base64")
  .refine((text) => text.length % 4 === 0, "must be a JPEG in base64")
  .meta({ description: `A JPEG of at most ${maxThumbnailBytes} bytes, in base64` });

const mayBeHd = (kind: MediaKind | undefined) => kind === undefined || kind === "image" || kind === "video";

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
      /** Whether a video plays like a GIF: silently, and again and again. GIF files always do. */
      gif: z.boolean().optional(),
      /** Whether to send a round video message. The video becomes square and has at most 60 seconds. */
      round: z.boolean().optional(),
      /** The pack to which a sticker belongs, as apps show it. A sticker without these fields is sent as it is. */
      sticker: stickerMetadata.optional(),
      /** Whether the recipient can open the picture, video or voice note only once. */
      viewOnce: z.boolean().optional(),
      /** Whether the picture or video must be large enough for HD. A video is then converted to at most 1080p, not 720p. */
      hd: z.boolean().optional(),
      /** What apps show before a document, picture or video is opened. By default, it is made from a picture or video. */
      thumbnail: thumbnail.optional(),
      caption: z.string().max(4096).optional(),
      filename: fileName.optional(),
      ...contextFields,
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload")
    .refine((input) => !input.voice || (input.kind ?? "audio") === "audio", "only audio can be a voice note")
    .refine(
      (input) => !(input.gif || input.round) || (input.kind ?? "video") === "video",
      "only a video can be a GIF or round",
    )
    .refine(
      (input) => [input.voice, input.gif, input.round].filter(Boolean).length < 2,
      "a file can be a voice note, a GIF or round, not several of these",
    )
    .refine((input) => input.kind !== "sticker" || input.caption === undefined, "a sticker cannot have a caption")
    .refine((input) => !input.caption || !(input.kind === "audio" || input.voice), "audio cannot have a caption")
    .refine(({ viewOnce, kind, voice }) => !viewOnce || voice || mayBeHd(kind), {
      path: ["viewOnce"],
      message: "only for pictures, videos and voice notes",
    })
    .refine((input) => !input.viewOnce || !(input.gif || input.round || isChannelJid(input.to)), {
      path: ["viewOnce"],
      message: "not for a GIF, a round video or a channel",
    })
    .refine(({ hd, kind, voice, round }) => !hd || (mayBeHd(kind) && !voice && !round), {
      path: ["hd"],
      message: "only for pictures and videos that are not round",
    })
    .refine((input) => input.sticker === undefined || input.kind === "sticker", {
      path: ["sticker"],
      message: "only for the kind sticker",
    }),
  output: sent,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error", "url_not_allowed", "media_not_usable", "not_supported"],
  precheck: checkContext,
  preview: ({ to, kind, voice, gif, round, caption = "" }) => {
    const type = kind ?? (voice ? "audio" : gif || round ? "video" : "document");
    return { to, type, protoType: round ? "ptvMessage" : `${type}Message`, body: caption };
  },
});
