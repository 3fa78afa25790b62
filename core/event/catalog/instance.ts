import * as z from "zod";
import { defineEvent } from "./define.ts";

const restriction = z.enum(["time_lock", "new_chat_cap", "rate_limit"]);

export const restricted = defineEvent({
  type: "instance.restricted",
  summary: "WhatsApp restricts the account, so some sends wait",
  data: z.object({
    /**
     * `time_lock`: messages to new chats are refused. `new_chat_cap`: no more messages to new chats in this cycle.
     * `rate_limit`: there were too many messages.
     */
    restriction,
    /** WhatsApp's reason for a time-lock, for example `BIZ_QUALITY`; null for other restrictions. */
    type: z.string().nullable(),
    until: z.iso.datetime(),
  }),
});

export const paused = defineEvent({
  type: "instance.paused",
  summary: "The sends of the instance are paused at the user's request. The instance still receives",
  data: z.object({ since: z.iso.datetime() }),
});

export const resumed = defineEvent({
  type: "instance.resumed",
  summary: "The pause of the sends has ended, so sends that waited for it go on",
  data: z.object({
    /** When the pause began. */
    pausedAt: z.iso.datetime(),
  }),
});

export const updated = defineEvent({
  type: "instance.updated",
  summary: "Settings of the instance were changed through the API",
  data: z.object({
    /** Names of the changed settings. Their values may be secret. */
    changed: z.array(z.string()),
  }),
});

export const unrestricted = defineEvent({
  type: "instance.unrestricted",
  summary: "A restriction of the account has ended, so sends that waited for it go on",
  data: z.object({
    restriction,
    /** `time`: the announced end was reached. `whatsapp`: WhatsApp ended the restriction earlier. */
    endedBy: z.enum(["time", "whatsapp"]),
  }),
});
