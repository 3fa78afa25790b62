import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, keyOf, messageReference } from "../parts.ts";

export const comment = defineContent({
  kind: "comment",
  summary: "A comment on a message of an announcement group or channel",
  schema: z.object({
    kind: z.literal("comment"),
    /** Null if the comment is encrypted and its key is not known. */
    text: z.string().nullable(),
    target: messageReference.nullable(),
  }),
  text: ({ text }) => firstText(text, text === null ? "Encrypted comment" : "Comment"),
  protobuf: ({ text, target }) => ({
    message: text === null ? undefined : { conversation: text },
    targetMessageKey: keyOf(target),
  }),
});
