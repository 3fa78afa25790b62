import * as z from "zod";
import { messageId } from "../../../message/id.ts";
import { destination, recipient } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { text } from "./fields.ts";

/** The chat of the message, where messages of several chats have its id: whoever writes a message chooses that. */
const which = { messageId, chat: destination.optional() };
const nothing = z.object({});

/** WhatsApp shows one emoji for each person; it may be of several characters. */
const emoji = z
  .string()
  .max(64)
  .refine(
    (value) => value === "" || ([...graphemes.segment(value)].length === 1 && pictures.test(value)),
    "must be one emoji, or empty",
  );
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const pictures = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;

export const remove = defineCommand({
  name: "message.delete",
  kind: "mutate",
  summary: "Delete a message for everyone: one of ours, or as an admin of its group any",
  input: z.object(which),
  output: nothing,
  errors: ["message_not_found", "forbidden", "conflict", "whatsapp_error"],
  repeatable: true,
});

/**
 * Milliseconds after which WhatsApp's own apps no longer offer to edit a message (15 minutes); recipients ignore an edit
 * that is 20 minutes younger than its message (WhatsApp Web, `message_edit_window_duration_seconds`).
 */
export const editWindowMs = 15 * 60 * 1000;

export const edit = defineCommand({
  name: "message.edit",
  kind: "mutate",
  summary: "Change the text or caption of a message of ours, within 15 minutes",
  input: z.object({ ...which, text }),
  output: nothing,
  errors: ["message_not_found", "forbidden", "conflict", "too_late", "not_supported", "whatsapp_error"],
  repeatable: true,
});

export const react = defineCommand({
  name: "message.react",
  kind: "mutate",
  summary: "React to a message with an emoji, or take the reaction back",
  input: z.object({
    ...which,
    /** Empty takes the reaction back. */
    reaction: emoji,
  }),
  /** WhatsApp's id of the reaction itself. */
  output: z.object({ messageId: z.string() }),
  errors: ["message_not_found", "conflict", "not_supported", "whatsapp_error"],
  repeatable: true,
});

export const typingStates = ["composing", "recording", "paused"] as const;

export const setTyping = defineCommand({
  name: "chat.setTyping",
  kind: "mutate",
  summary: "Show in a chat that a text is being typed or a voice note recorded, or no longer",
  input: z.object({ to: recipient, state: z.enum(typingStates) }),
  output: nothing,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
});

export const maxReadMarks = 1000;

export const markRead = defineCommand({
  name: "message.markRead",
  kind: "mutate",
  summary:
    "Tell the senders of messages that they are read: of those that are named, or of all that are unread in a chat",
  input: z
    .object({ messageIds: z.array(messageId).min(1).max(maxReadMarks).optional(), chat: destination.optional() })
    .refine((input) => input.messageIds || input.chat, "name messages, a chat or both"),
  /** How many were marked; of a chat at most the newest 1,000 at once. */
  output: z.object({ messages: z.int() }),
  errors: ["message_not_found", "recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
});
