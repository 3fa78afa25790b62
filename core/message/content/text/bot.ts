import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

/** The parts of which a bot's answer consists. `other` is a part that this version does not know. */
export const botPartTypes = [
  "text",
  "image",
  "table",
  "code",
  "formula",
  "map",
  "animation",
  "videos",
  "other",
] as const;

export const botPart = z.object({
  type: z.enum(botPartTypes),
  /** The text of the part: a paragraph, the code, the table with tabs and line breaks, the titles. */
  text: z.string(),
  /** The pictures, videos or pages of the part. */
  urls: z.array(z.string()),
});
export type BotPart = z.output<typeof botPart>;

export const botResponse = defineContent({
  kind: "botResponse",
  summary: "The answer of Meta AI or another bot, with its tables, code and pictures",
  schema: z.object({
    kind: z.literal("botResponse"),
    text: z.string(),
    parts: z.array(botPart),
    /** The pages that the answer cites. */
    sources: z.array(z.object({ title: z.string(), url: z.string().nullable() })),
  }),
  text: ({ text }) => firstText(text, "Answer of a bot"),
  protobuf: ({ parts }) => ({ submessages: parts.map(({ text }) => ({ messageText: text })) }),
});
