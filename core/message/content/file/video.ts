import * as z from "zod";
import { defineContent } from "../define.ts";
import { fileProtobuf, visual } from "../field.ts";

export const video = defineContent({
  kind: "video",
  summary: "A video, a GIF or a round video message",
  schema: z.object({
    kind: z.literal("video"),
    caption: z.string().nullable(),
    ...visual,
    seconds: z.number().int().nullable(),
    /** Whether the video plays like a GIF: without sound, again and again. */
    isGif: z.boolean(),
    /** Whether it is a round video message, recorded in the chat. */
    isRound: z.boolean(),
    /** Whether the app states that AI made the video. */
    isAiGenerated: z.boolean(),
  }),
  text: ({ caption }) => caption ?? "",
  protobuf: (content) => ({
    caption: content.caption,
    ...fileProtobuf(content),
    seconds: content.seconds,
    gifPlayback: content.isGif || null,
    width: content.width,
    height: content.height,
    jpegThumbnail: content.thumbnail,
  }),
});
