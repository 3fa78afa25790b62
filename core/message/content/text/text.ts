import * as z from "zod";
import { defineContent } from "../define.ts";
import { thumbnail } from "../field.ts";

/** A text, and the preview of a link in it that the sender's app made. */
export const text = defineContent({
  kind: "text",
  summary: "A text, with the preview of a link",
  schema: z.object({
    kind: z.literal("text"),
    text: z.string(),
    linkPreview: z
      .object({
        /** The link as it is in the text. */
        url: z.string(),
        title: z.string().nullable(),
        description: z.string().nullable(),
        thumbnail,
      })
      .nullable(),
  }),
  text: (content) => content.text,
  protobuf: ({ text: body, linkPreview }) => ({
    text: body,
    ...(linkPreview && {
      matchedText: linkPreview.url,
      title: linkPreview.title,
      description: linkPreview.description,
      jpegThumbnail: linkPreview.thumbnail,
    }),
  }),
});
