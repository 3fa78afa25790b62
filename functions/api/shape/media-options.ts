import * as z from "zod";
import { mediaKinds } from "../../../core/media/index.ts";
import { type StickerMetadata, stickerMetadata } from "../../../core/media/sticker.ts";

/** The fields that say how a file is sent, as endpoints name them. */
export const mediaOptions = {
  asVoice: z.boolean().optional().meta({ description: "Send as a voice note; audio other than Ogg/Opus is converted" }),
  asGif: z
    .boolean()
    .optional()
    .meta({ description: "Let a video play like a GIF: silently, and again and again; GIF files always do" }),
  asRound: z
    .boolean()
    .optional()
    .meta({ description: "Send a round video message; the video becomes square and has at most 60 seconds" }),
  type: z
    .enum(mediaKinds)
    .optional()
    .meta({ description: "How the recipient sees the file; default: detected from its content" }),
  viewOnce: z
    .boolean()
    .optional()
    .meta({ description: "Let the recipient open the picture, video or voice note only once" }),
  hd: z.boolean().optional().meta({
    description:
      "Refuse a picture or video that is too small for HD. A video is converted to at most 1080p, and otherwise to at most 720p",
  }),
  sticker: stickerMetadata
    .optional()
    .meta({ description: "The pack to which a sticker belongs, as apps show it; only with the type `sticker`" }),
};

interface MediaOptions {
  asVoice?: boolean | undefined;
  asGif?: boolean | undefined;
  asRound?: boolean | undefined;
  type?: (typeof mediaKinds)[number] | undefined;
  viewOnce?: boolean | undefined;
  hd?: boolean | undefined;
  sticker?: StickerMetadata | undefined;
  caption?: string | undefined;
}

/** Refuses options that exclude each other, under the names that the endpoints use. */
export const checkMediaOptions = <Body extends MediaOptions>(schema: z.ZodType<Body>) =>
  schema
    .refine((body) => !body.asVoice || (body.type ?? "audio") === "audio", "asVoice: only audio can be a voice note")
    .refine(
      (body) => !(body.asGif || body.asRound) || (body.type ?? "video") === "video",
      "asGif, asRound: only a video can be a GIF or round",
    )
    .refine(
      (body) => [body.asVoice, body.asGif, body.asRound].filter(Boolean).length < 2,
      "asVoice, asGif, asRound: give at most one",
    )
    .refine((body) => body.type !== "sticker" || body.caption === undefined, "caption: a sticker cannot have a caption")
    .refine((body) => !body.caption || !(body.type === "audio" || body.asVoice), "caption: audio cannot have a caption")
    .refine((body) => body.sticker === undefined || body.type === "sticker", "sticker: only with the type sticker");

/** Returns the fields of the command `message.sendMedia`. */
export const mediaOptionsInput = ({ asVoice, asGif, asRound, type, sticker, viewOnce, hd }: MediaOptions) => ({
  voice: asVoice,
  gif: asGif,
  round: asRound,
  kind: type,
  sticker,
  viewOnce,
  hd,
});
