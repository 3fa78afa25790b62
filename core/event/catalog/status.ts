import * as z from "zod";
import { defineEvent } from "./define.ts";
import { content } from "./message.ts";

/** No `message.received`: who answers messages must not answer these. */
export const received = defineEvent({
  type: "status.received",
  summary: "Somebody posted a status, or reacted to one of ours; its chat is status@broadcast",
  data: z.object({
    ...content,
    /** JID of who posted it, by phone number where WhatsApp tells it. */
    senderId: z.string(),
    senderLid: z.string().nullable(),
    pushName: z.string().nullable(),
    /** Our own JID. */
    to: z.string().nullable(),
  }),
});
