import * as z from "zod";
import { recipient } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";
import { typingStates } from "./message/action.ts";

const nothing = z.object({});

const presenceStates = ["available", "unavailable", ...typingStates] as const;

export const needsChat = (state: (typeof presenceStates)[number]) => state !== "available" && state !== "unavailable";

export const set = defineCommand({
  name: "presence.set",
  kind: "mutate",
  summary:
    "Show the account as online or offline until the connection ends, or as typing, recording or paused in a chat. While the account is online, WhatsApp sends no push notifications to the owner's phone",
  input: z
    .object({
      state: z.enum(presenceStates),
      /** The chat to show typing, recording or paused in. Ignored for `available` and `unavailable`. */
      chat: recipient.optional(),
    })
    .refine(({ state, chat }) => chat || !needsChat(state), "chat is required for composing, recording and paused"),
  output: nothing,
  errors: ["recipient_not_on_whatsapp", "conflict", "whatsapp_error"],
  repeatable: true,
});

export const subscribe = defineCommand({
  name: "presence.subscribe",
  kind: "mutate",
  summary:
    "Subscribe to the presence of a person until the connection ends. WhatsApp reports it only while the account is shown as online",
  input: z.object({ chat: recipient }),
  /** WhatsApp's JID of the chat. */
  output: z.object({ chatId: z.string() }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
});

const presence = z.object({
  /** JID of the person, by phone number if it is known, otherwise the LID. */
  jid: z.string(),
  /** WhatsApp reports `paused` as `available`. */
  state: z.enum(["available", "unavailable", "composing", "recording"]),
  /** When the person was last online. Null if the person hides this time or WhatsApp has not reported it. */
  lastSeen: z.iso.datetime().nullable(),
  /** When WhatsApp reported the presence. */
  updatedAt: z.iso.datetime(),
  /**
   * Whole seconds since then. Treat an old state as unknown: WhatsApp does not report that a person stopped typing
   * because of a lost network connection.
   */
  ageSeconds: z.int(),
});

/**
 * A presence is kept only as long as the connection that reported it. The query therefore needs a connected instance,
 * and covers only chats in which somebody has typed, or that were subscribed to, since the instance connected.
 */
export const get = defineCommand({
  name: "presence.get",
  kind: "query",
  summary:
    "Get who is online or typing and how long ago, as reported on this connection. WhatsApp reports it only while the account is shown as online",
  input: z.object({
    /** By default, all chats. */
    chat: recipient.optional(),
  }),
  /** A requested chat is included even if no presence was reported for the chat. */
  output: z.object({ chats: z.array(z.object({ chatId: z.string(), presences: z.array(presence) })) }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});
