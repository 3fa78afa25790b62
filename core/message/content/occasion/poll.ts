import * as z from "zod";
import { defineContent } from "../define.ts";

export const poll = defineContent({
  kind: "poll",
  summary: "A poll or a quiz",
  schema: z.object({
    kind: z.literal("poll"),
    question: z.string(),
    options: z.array(z.string()),
    /** How many options a voter may choose; 0 means any number. */
    selectableCount: z.number().int(),
    /** Whether the options have images, which arrive as messages of their own. */
    hasImages: z.boolean(),
    /** Whether one option is the right answer. */
    isQuiz: z.boolean(),
    /** The right answer of a quiz, if the message states it. */
    correctOption: z.string().nullable(),
  }),
  text: ({ question }) => question,
  protobuf: ({ question, selectableCount }) => ({
    name: question,
    selectableOptionsCount: selectableCount,
  }),
});
