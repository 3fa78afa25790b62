import * as z from "zod";
import { defineEvent } from "./define.ts";

export const quarantined = defineEvent({
  type: "stanza.quarantined",
  summary: "Something that WhatsApp delivered could not be stored, and was put aside",
  data: z.object({
    kind: z.enum(["message", "receipt", "notification", "call"]),
    /** WhatsApp's id. For a message, the message id. */
    stanzaId: z.string(),
    /** JID of the chat, person or group that it came from. */
    from: z.string(),
    /** Why it could not be stored. */
    error: z.string(),
    /** Unix seconds, by WhatsApp's clock. */
    timestamp: z.int(),
  }),
});
