import * as z from "zod";
import { defineContent } from "../define.ts";
import { altText, file, fileProtobuf } from "../field.ts";

export const sticker = defineContent({
  kind: "sticker",
  summary: "A sticker",
  schema: z.object({
    kind: z.literal("sticker"),
    ...file,
    /** Pixels. */
    width: z.number().int().nullable(),
    height: z.number().int().nullable(),
    isAnimated: z.boolean(),
    /** Whether the file is a Lottie animation (JSON in a ZIP archive) instead of WebP. */
    isLottie: z.boolean(),
    /** Whether it shows the sender's avatar. */
    isAvatar: z.boolean(),
    isAiGenerated: z.boolean(),
    /** A small PNG in Base64. Null if there is none, or if it has more than 24 KiB. */
    thumbnail: z.string().nullable(),
    altText,
  }),
  text: () => "",
  protobuf: (content) => ({
    ...fileProtobuf(content),
    width: content.width,
    height: content.height,
    isAnimated: content.isAnimated,
    isLottie: content.isLottie || null,
    pngThumbnail: content.thumbnail,
  }),
});
