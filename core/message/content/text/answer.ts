import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, keyOf, messageReference } from "../parts.ts";

export const answer = defineContent({
  kind: "answer",
  summary: "The answer to a question in a channel or a status post",
  schema: z.object({
    kind: z.literal("answer"),
    in: z.enum(["channel", "status"]),
    text: z.string(),
    /** The question. */
    target: messageReference.nullable(),
  }),
  text: ({ text }) => firstText(text, "Answer"),
  protobuf: ({ text, target }) => ({ text, key: keyOf(target) }),
});
