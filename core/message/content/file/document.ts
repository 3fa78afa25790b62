import * as z from "zod";
import { defineContent } from "../define.ts";
import { altText, file, fileProtobuf, thumbnail } from "../field.ts";

export const document = defineContent({
  kind: "document",
  summary: "A document: any file that the app doesn't show itself",
  schema: z.object({
    kind: z.literal("document"),
    caption: z.string().nullable(),
    fileName: z.string().nullable(),
    title: z.string().nullable(),
    ...file,
    pages: z.number().int().nullable(),
    thumbnail,
    altText,
  }),
  text: ({ caption }) => caption ?? "",
  protobuf: (content) => ({
    caption: content.caption,
    ...fileProtobuf(content),
    fileName: content.fileName,
    title: content.title,
    pageCount: content.pages,
    jpegThumbnail: content.thumbnail,
  }),
});
