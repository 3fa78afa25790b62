import * as z from "zod";
import { defineContent } from "../define.ts";
import { fileProtobuf, visual } from "../field.ts";

export const image = defineContent({
  kind: "image",
  summary: "An image",
  schema: z.object({
    kind: z.literal("image"),
    caption: z.string().nullable(),
    ...visual,
    /** Whether the app states that AI made or changed the image. */
    isAiGenerated: z.boolean(),
  }),
  text: ({ caption }) => caption ?? "",
  protobuf: (content) => ({
    caption: content.caption,
    ...fileProtobuf(content),
    width: content.width,
    height: content.height,
    jpegThumbnail: content.thumbnail,
  }),
});
