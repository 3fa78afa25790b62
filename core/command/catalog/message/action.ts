import * as z from "zod";
import { chatEnd, type FixedEnd } from "../../../chat/end.ts";
import { messageId } from "../../../message/id.ts";
import { destination, recipient } from "../../../message/recipient.ts";
import { defineCommand } from "../define.ts";
import { text } from "./fields.ts";

/**
 * `chat` is required if messages in several chats have this id. The sender of a message chooses its id, so ids are not
 * unique.
 */
const target = { messageId, chat: destination.optional() };
const nothing = z.object({});

/** WhatsApp shows one reaction per person. An emoji may consist of several characters. */
const emoji = z
  .string()
  // Without `abort`, the next check would run for a longer text too, and segment all of it.
  .max(64, { abort: true })
  .refine(
    (value) => value === "" || ([...graphemes.segment(value)].length === 1 && pictures.test(value)),
    "must be one emoji, or empty",
  );
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const pictures = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;

export const remove = defineCommand({
  name: "message.delete",
  kind: "mutate",
  summary: "Delete your own message for everyone, or as a group admin any message of the group",
  input: z.object(target),
  output: nothing,
  errors: ["message_not_found", "forbidden", "conflict", "whatsapp_error"],
  repeatable: true,
});

/**
 * How long WhatsApp's apps offer to edit a message, in milliseconds (15 minutes). Recipients ignore an edit that was
 * made more than 20 minutes after its message (WhatsApp Web, `message_edit_window_duration_seconds`).
 */
export const editWindowMs = 15 * 60 * 1000;

export const edit = defineCommand({
  name: "message.edit",
  kind: "mutate",
  summary: "Edit the text or caption of your own message, within 15 minutes",
  input: z.object({ ...target, text }),
  output: nothing,
  errors: ["message_not_found", "forbidden", "conflict", "too_late", "not_supported", "whatsapp_error"],
  repeatable: true,
});

export const react = defineCommand({
  name: "message.react",
  kind: "mutate",
  summary: "React to a message with an emoji, or remove the reaction",
  input: z.object({
    ...target,
    /** An emoji. An empty text removes the reaction. */
    reaction: emoji,
  }),
  /** WhatsApp's id of the reaction. */
  output: z.object({ messageId: z.string() }),
  errors: ["message_not_found", "conflict", "not_supported", "whatsapp_error"],
  repeatable: true,
});

export const typingStates = ["composing", "recording", "paused"] as const;

export const setTyping = defineCommand({
  name: "chat.setTyping",
  kind: "mutate",
  summary: "Show in a chat that the account is typing or recording, or has stopped",
  input: z.object({ to: recipient, state: z.enum(typingStates) }),
  output: nothing,
  errors: ["recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
});

export const maxReadMarks = 1000;

export const markRead = defineCommand({
  name: "message.markRead",
  kind: "mutate",
  summary: "Mark the given messages, or all unread messages of a chat, as read",
  input: z
    .object({ messageIds: z.array(messageId).min(1).max(maxReadMarks).optional(), chat: destination.optional() })
    .refine((input) => input.messageIds || input.chat, "give messageIds, a chat or both"),
  /** The number of messages that were marked as read. In a chat, at most the newest 1,000 messages are marked. */
  output: z.object({ messages: z.int() }),
  errors: ["message_not_found", "recipient_not_on_whatsapp", "whatsapp_error"],
  repeatable: true,
  fix: async (context, { chat, messageIds }): Promise<FixedEnd> =>
    chat !== undefined && !messageIds ? { end: await chatEnd(context, { chat }) } : {},
});
