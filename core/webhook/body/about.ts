import * as z from "zod";
import type { about } from "../../event/catalog/about.ts";
import type { EventData } from "../../event/catalog/index.ts";
import { isGroupJid } from "../../message/recipient.ts";
import { contextFields } from "../../message/shown-context.ts";
import { statusChat } from "../../message/status.ts";
import { defined } from "../../object.ts";
import type { WebhookEvent } from "./event.ts";
import { content, numberOf, truncated } from "./field.ts";

/**
 * `known`: whether the history has the message. `readable`: whether the gateway could decrypt what the person did.
 */
const certainty = { known: z.boolean(), readable: z.boolean() };

/** The fields of every body about another message. `messageId` and `chatId` are those of that message. */
const target = {
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** JID of the person who did it. If the account itself did it, the account's own JID. */
  participant: z.string(),
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  pushName: z.string().nullable(),
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
  /** The author of the message. Null if the author is not known. */
  author: z
    .object({
      /** JID. */
      participant: z.string(),
      phoneNumber: z.string().nullable(),
      lid: z.string().nullable(),
      fromMe: z.boolean(),
    })
    .nullable(),
  ...certainty,
};

/** `body` is the new text or caption, `content` the new content, and `context` the context of the edited message. */
export const messageEdit = {
  ...target,
  body: z.string(),
  content,
  mentions: contextFields.mentions,
  context: contextFields.context,
  truncated,
};
export const messageDeletion = target;

export const messageReaction = {
  ...target,
  /** Empty if the reaction was removed. */
  emoji: z.string(),
  removed: z.boolean(),
  /** WhatsApp's id of the reaction. */
  reactionId: z.string(),
};
export const messagePin = {
  ...target,
  /** False if the pin was removed. */
  pinned: z.boolean(),
  /** How long the message stays pinned, in seconds. Null if the sender doesn't state it. */
  duration: z.number().int().nullable(),
  expiresAt: z.iso.datetime().nullable(),
};
/** `kind`: whether it is a vote on a poll or an answer to a calendar event. */
export const messageResponse = { ...target, kind: z.enum(["vote", "answer"]) };
/** `kept`: false if the message is no longer kept. */
export const messageKeep = { ...target, kept: z.boolean() };

/** Whether an event is about a status post of another person. */
export const isAboutOthersStatus = ({ data }: WebhookEvent): boolean =>
  "known" in data && data.chatId === statusChat && !data.author?.fromMe;

/** Returns the fields that all bodies about another message share. */
export function aboutOf(data: z.output<z.ZodObject<typeof about>>) {
  const { messageId, chatId, by, byLid, pushName, fromMe, timestamp, author, known, readable } = data;
  return {
    ...{ messageId, chatId, isGroup: isGroupJid(chatId) },
    ...{ participant: by, phoneNumber: numberOf(by), lid: byLid, pushName, fromMe, timestamp },
    author: author && {
      ...{ participant: author.id, phoneNumber: numberOf(author.id) },
      ...{ lid: author.lid, fromMe: author.fromMe },
    },
    known,
    readable,
  };
}

export const messageEditOf = (data: EventData<"message.edited">) => ({
  ...aboutOf(data),
  body: data.body,
  content: data.content,
  mentions: data.mentions,
  context: data.context,
  ...defined({ truncated: data.truncated }),
});

export const messageReactionOf = (data: EventData<"message.reaction">) => {
  const { emoji, removed, reactionId } = data;
  return { ...aboutOf(data), emoji, removed, reactionId };
};

export const messagePinOf = (data: EventData<"message.pinned">) => {
  const { pinned, duration, expiresAt } = data;
  return { ...aboutOf(data), pinned, duration, expiresAt };
};

export const messageResponseOf = (data: EventData<"message.response">) => ({ ...aboutOf(data), kind: data.kind });

export const messageKeepOf = (data: EventData<"message.kept">) => ({ ...aboutOf(data), kept: data.kept });
