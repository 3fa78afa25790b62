import * as z from "zod";
import { defineEvent } from "./define.ts";
import { person } from "./group.ts";

export const update = defineEvent({
  type: "chat.update",
  summary: "The timer for disappearing messages of a chat with one person changed",
  data: z.object({
    /** JID of the chat. */
    chatId: z.string(),
    /** Who made the change. Null if a later message shows the change. */
    by: person.nullable(),
    /** Whether the account itself made the change on the phone. */
    fromMe: z.boolean(),
    /** Unix seconds, by WhatsApp's clock. */
    timestamp: z.int(),
    /** The new values of the changed fields. Other fields are absent. */
    changes: z.object({
      /** Seconds after which messages disappear. 0 means never. */
      ephemeral: z.int().optional(),
    }),
  }),
});
