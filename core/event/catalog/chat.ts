import * as z from "zod";
import { defineEvent } from "./define.ts";
import { person } from "./group.ts";

export const update = defineEvent({
  type: "chat.update",
  summary: "A chat was archived, pinned, muted, read or cleared, or its timer for disappearing messages changed",
  data: z.object({
    /** JID of the chat. */
    chatId: z.string(),
    /** Who made the change. Null if a later message shows the change, or if a message took the chat out of the archive. */
    by: person.nullable(),
    /** Whether the account itself made the change. */
    fromMe: z.boolean(),
    /** Where the account made the change: on the phone or another linked device, or through the API. */
    source: z.enum(["phone", "api"]).optional(),
    /** Unix seconds, by WhatsApp's clock. */
    timestamp: z.int(),
    /** The new values of the changed fields. Other fields are absent. */
    changes: z.object({
      /** Seconds after which messages disappear. 0 means never. */
      ephemeral: z.int().optional(),
      archived: z.boolean().optional(),
      pinned: z.boolean().optional(),
      muted: z.boolean().optional(),
      /** When the mute ends. Null if the chat is not muted, or muted without an end. */
      mutedUntil: z.iso.datetime().nullable().optional(),
      /** The number of unread messages, after messages were read on the phone or through the API. */
      unreadCount: z.int().optional(),
      /** Whether the owner marked the chat as unread. */
      markedUnread: z.boolean().optional(),
      /** Present if the messages of the chat were removed for the account. */
      cleared: z.literal(true).optional(),
      /** Present if the chat was deleted for the account. */
      deleted: z.literal(true).optional(),
    }),
  }),
});
