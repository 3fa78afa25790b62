import * as z from "zod";
import { recipient } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";
import { typingStates } from "./message/action.ts";

const nothing = z.object({});

export const presenceStates = ["available", "unavailable", ...typingStates] as const;

export const needsChat = (state: (typeof presenceStates)[number]) => state !== "available" && state !== "unavailable";

export const set = defineCommand({
  name: "presence.set",
  kind: "mutate",
  summary:
    "Show the account as online or offline until the connection ends, or in a chat as typing, recording or neither. While it is shown as online, WhatsApp sends no push notifications to the owner's phone",
  input: z
    .object({
      state: z.enum(presenceStates),
      /** Where it is typed: nobody types everywhere. Without meaning for `available` and `unavailable`. */
      chat: recipient.optional(),
    })
    .refine(({ state, chat }) => chat || !needsChat(state), "name the chat for composing, recording and paused"),
  output: nothing,
  errors: ["recipient_not_on_whatsapp", "conflict", "whatsapp_error"],
  repeatable: true,
});

export const subscribe = defineCommand({
  name: "presence.subscribe",
  kind: "mutate",
  summary:
    "Subscribe to the presence of a person until the connection ends. WhatsApp sends it only while the account is shown as online",
  input: z.object({ chat: recipient }),
  /** WhatsApp's own JID of the chat. */
  output: z.object({ chatId: z.string() }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
});

const presence = z.object({
  /** Whose it is: by phone number where it is known, else the LID. */
  jid: z.string(),
  /** WhatsApp tells of `paused` as `available`. */
  state: z.enum(["available", "unavailable", "composing", "recording"]),
  /** When the person was last online; null while they do not let us see it, or it was not told. */
  lastSeen: z.iso.datetime().nullable(),
  /** When WhatsApp told of it. */
  updatedAt: z.iso.datetime(),
  /** Whole seconds since then. Nobody is told that somebody stopped typing by losing the network: old is unknown. */
  ageSeconds: z.int(),
});

/**
 * Presence is of the moment: what WhatsApp told is kept with the connection it was told on, and is gone with it. So this needs
 * the instance to be connected, and knows only chats that somebody typed in or that were subscribed to since.
 */
export const get = defineCommand({
  name: "presence.get",
  kind: "query",
  summary:
    "Who is online or typing, as far as WhatsApp sent it on this connection, and how long ago. It is sent only while the account is shown as online",
  input: z.object({
    /** All chats without it. */
    chat: recipient.optional(),
  }),
  /** A chat that was asked for is among them even when nothing was told of it. */
  output: z.object({ chats: z.array(z.object({ chatId: z.string(), presences: z.array(presence) })) }),
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
});
