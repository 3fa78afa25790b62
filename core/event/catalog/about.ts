import * as z from "zod";
import { contentField } from "../../message/content/index.ts";
import { contextEventFields } from "../../message/context.ts";
import { defineEvent } from "./define.ts";

/**
 * The fields of every event about another message: which message, and who did something to it. The defaults are for
 * events that are older than the fields.
 */
export const about = {
  /** WhatsApp's id of the message that the event is about. */
  messageId: z.string(),
  chatId: z.string(),
  /** JID of the person who did it, by phone number if the number is known. */
  by: z.string(),
  byLid: z.string().nullable().default(null),
  pushName: z.string().nullable().default(null),
  /** Whether the account itself did it, through the API or on the phone. */
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
  /** The author of the message that the event is about. Null if the author is not known. */
  author: z
    .object({
      /** JID, by phone number if the number is known. */
      id: z.string(),
      lid: z.string().nullable(),
      /** Whether the author is the account itself. */
      fromMe: z.boolean(),
    })
    .nullable()
    .default(null),
  /**
   * Whether the history has the message that the event is about. If that message arrives later, an edit, a deletion or
   * anything that is sealed is reported again, with `known`.
   */
  known: z.boolean().default(true),
  /**
   * Whether the gateway could decrypt what the person did. False if the key is in a message that the history lacks, or
   * is wrong.
   */
  readable: z.boolean().default(true),
};

export const edited = defineEvent({
  type: "message.edited",
  summary: "The sender of a message edited it",
  data: z.object({
    ...about,
    /** The new text. Empty if the edit isn't readable. */
    body: z.string(),
    /** The new content. Null if the edit isn't readable. */
    content: contentField.default(null),
    /** JIDs of the people whom the edited message mentions. */
    mentions: contextEventFields.mentions,
    /** The context of the edited message. */
    context: contextEventFields.context,
    /** Present if only the beginning of the text is here. */
    truncated: z.literal(true).optional(),
  }),
});

export const deleted = defineEvent({
  type: "message.deleted",
  summary: "A message was deleted for everyone, by its sender or an admin of the group",
  data: z.object(about),
});

export const reacted = defineEvent({
  type: "message.reaction",
  summary: "Somebody reacted to a message or a status post, or changed or removed the reaction",
  data: z.object({
    ...about,
    /** Empty if the reaction was removed or isn't readable. */
    emoji: z.string(),
    removed: z.boolean(),
    /** WhatsApp's id of the reaction. */
    reactionId: z.string(),
  }),
});

export const pinned = defineEvent({
  type: "message.pinned",
  summary: "Somebody pinned a message in its chat, or removed the pin",
  data: z.object({
    ...about,
    /** False if the pin was removed. */
    pinned: z.boolean(),
    /** How long the message stays pinned, in seconds. Null if the sender doesn't state it. */
    duration: z.number().int().nullable(),
    expiresAt: z.iso.datetime().nullable(),
  }),
});

export const kept = defineEvent({
  type: "message.kept",
  summary: "Somebody kept a message of a chat whose messages disappear, or no longer keeps it",
  data: z.object({
    ...about,
    /** False if the message is no longer kept. */
    kept: z.boolean(),
  }),
});

export const responded = defineEvent({
  type: "message.response",
  summary:
    "Somebody voted on a poll or answered a calendar event that the history lacks. When it arrives, poll.voted or event.answered has the response",
  data: z.object({ ...about, kind: z.enum(["vote", "answer"]) }),
});
