import * as z from "zod";
import { chatEnd, type FixedEnd } from "../../chat/end.ts";
import { instant } from "../../instant.ts";
import { recipient } from "../../message/recipient.ts";
import { appStateErrors } from "./app-state-errors.ts";
import { defineCommand } from "./define.ts";
import { ephemeralSeconds } from "./group.ts";

/** JID of the chat, by phone number if it is known. */
const output = { chat: z.string() };

const fix = async (...args: Parameters<typeof chatEnd>): Promise<FixedEnd> => ({ end: await chatEnd(...args) });

const errors = [...appStateErrors, "group_not_found", "forbidden", "recipient_not_on_whatsapp"] as const;

export const setArchived = defineCommand({
  name: "chat.setArchived",
  kind: "mutate",
  summary: "Archive a chat, which also unpins it, or take it out of the archive",
  input: z.object({ chat: recipient, archived: z.boolean() }),
  output: z.object({ ...output, archived: z.boolean() }),
  errors,
  repeatable: true,
});

export const setPinned = defineCommand({
  name: "chat.setPinned",
  kind: "mutate",
  summary: "Pin a chat to the top of the list, which also takes it out of the archive, or unpin it",
  input: z.object({ chat: recipient, pinned: z.boolean() }),
  output: z.object({ ...output, pinned: z.boolean() }),
  errors,
  repeatable: true,
});

export const setMuted = defineCommand({
  name: "chat.setMuted",
  kind: "mutate",
  summary: "Mute a chat until a time or without an end, or unmute it",
  input: z
    .object({
      chat: recipient,
      muted: z.boolean(),
      /** When the mute ends. Without it, the mute has no end. */
      until: instant.optional(),
    })
    .refine((input) => input.muted || input.until === undefined, "an unmuted chat has no until"),
  output: z.object({
    ...output,
    muted: z.boolean(),
    /** Null if the chat is not muted, or muted without an end. */
    mutedUntil: z.iso.datetime().nullable(),
  }),
  errors: [...errors, "invalid_request"],
  repeatable: true,
});

export const setRead = defineCommand({
  name: "chat.setRead",
  kind: "mutate",
  summary: "Mark a chat as read or as unread",
  input: z
    .object({
      chat: recipient,
      read: z.boolean(),
      /** Whether the senders of unread messages get read receipts. The default is true. */
      receipts: z.boolean().optional(),
    })
    .refine((input) => input.read || input.receipts === undefined, "only marking as read has receipts"),
  output: z.object({
    ...output,
    read: z.boolean(),
    /** The number of messages for which read receipts were sent, at most 1,000. */
    messages: z.int(),
  }),
  errors,
  fix,
  repeatable: true,
});

export const setTimer = defineCommand({
  name: "chat.setTimer",
  kind: "mutate",
  summary: "Set the timer for disappearing messages of a chat with one person or of a group",
  input: z.object({
    chat: recipient,
    /** Seconds after which new messages disappear. 0 means never. */
    seconds: z.literal([...ephemeralSeconds], `must be one of ${ephemeralSeconds.join(", ")} (seconds; 0 means never)`),
  }),
  output: z.object({ ...output, seconds: z.int() }),
  errors: ["group_not_found", "forbidden", "recipient_not_on_whatsapp", "conflict", "whatsapp_error"],
  repeatable: true,
});

export const clear = defineCommand({
  name: "chat.clear",
  kind: "mutate",
  summary: "Remove all messages of a chat for the account. Other people keep them",
  input: z.object({ chat: recipient }),
  output: z.object(output),
  errors,
  fix,
  repeatable: true,
});

export const remove = defineCommand({
  name: "chat.delete",
  kind: "mutate",
  summary: "Delete a chat with its messages for the account. Other people keep them",
  input: z.object({ chat: recipient }),
  output: z.object(output),
  errors,
  fix,
  repeatable: true,
});
