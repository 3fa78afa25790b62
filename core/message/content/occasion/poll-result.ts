import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

export const pollResult = defineContent({
  kind: "pollResult",
  summary: "The result of a poll, as a person shares it",
  schema: z.object({
    kind: z.literal("pollResult"),
    question: z.string(),
    isQuiz: z.boolean(),
    options: z.array(z.object({ name: z.string(), votes: z.number().int() })),
  }),
  text: ({ question, options }) => firstText(question, options.map(({ name }) => name).join(" · "), "Poll result"),
  protobuf: ({ question, options }) => ({
    name: question,
    pollVotes: options.map(({ name, votes }) => ({ optionName: name, optionVoteCount: votes })),
  }),
});
