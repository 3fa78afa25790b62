import * as z from "zod";
import { defineEvent } from "./define.ts";
import { content } from "./message.ts";

/**
 * A received status post is not a `message.received`, so that programs that reply to messages do not reply to status
 * posts.
 */
export const received = defineEvent({
  type: "status.received",
  summary: "Somebody posted a status. The chat is status@broadcast",
  data: z.object({
    ...content,
    /** JID of the sender, by phone number if WhatsApp reports it. */
    senderId: z.string(),
    senderLid: z.string().nullable(),
    pushName: z.string().nullable(),
    /** JID of the account. */
    to: z.string().nullable(),
  }),
});
