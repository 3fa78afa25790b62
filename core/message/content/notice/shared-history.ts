import * as z from "zod";
import { defineContent } from "../define.ts";

export const sharedHistory = defineContent({
  kind: "sharedHistory",
  summary: "A member of a group shares its earlier messages with new members",
  schema: z.object({
    kind: z.literal("sharedHistory"),
    /** JIDs of the members who get the messages. */
    receivers: z.array(z.string()),
    messageCount: z.number().int().nullable(),
    /** When the oldest of the messages was sent, in ISO 8601. */
    oldestAt: z.string().nullable(),
  }),
  text: ({ messageCount }) =>
    messageCount
      ? `Message history shared: ${messageCount} message${messageCount === 1 ? "" : "s"}`
      : "Message history shared",
});
