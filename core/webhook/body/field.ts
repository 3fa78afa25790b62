import * as z from "zod";
import type { EventData } from "../../event/catalog/index.ts";
import { contentField } from "../../message/content/index.ts";
import { contextEventFields } from "../../message/context.ts";
import { messageStatuses } from "../../message/message.sql.ts";
import { isGroupJid, phoneNumberOf } from "../../message/recipient.ts";
import { responseAnswers } from "../../message/response.sql.ts";
import { unreadableDetails } from "../../message/unreadable.ts";
import type { FileLink } from "./context.ts";

/** The public properties of a file. They exclude its key in our bucket. */
export const media = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  /** Bytes. */
  size: z.number().nullable(),
  /** Hexadecimal. */
  sha256: z.string().nullable(),
  /** Downloads the file until `urlExpiresAt`. */
  url: z.string().nullable(),
  urlExpiresAt: z.iso.datetime().nullable(),
});

export function mediaOf(
  stored: EventData<"message.received">["media"],
  link: FileLink | null,
): z.output<typeof media> | null {
  if (!stored) return null;
  const { mimetype, filename, size, sha256 } = stored;
  return { mimetype, filename, size, sha256, url: link?.url ?? null, urlExpiresAt: link?.urlExpiresAt ?? null };
}

export const { truncated } = contextEventFields;
/** For a status post: JIDs of the people who should see it, but can't be reached. Absent if there are none. */
export const skipped = z.array(z.string()).optional();

/** What the message says, by its kind. Null for messages of older versions. */
export const content = contentField;

/** The person who has received, read or played a message, and the status that the message has as a result. */
export const receiver = {
  /** Digits of the person's phone number, if known. */
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  /**
   * The status of the message as a whole. A group message is `delivered` and `read` when each member has received and
   * read it.
   */
  messageStatus: z.enum(messageStatuses).nullable(),
};

export function receiverOf({ by, byLid, messageStatus }: EventData<"message.read">) {
  return { phoneNumber: numberOf(by), lid: byLid, messageStatus: messageStatus ?? null };
}

/** A response to a poll or a calendar event. `messageId` is the id of the poll or calendar event. */
const response = {
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** JID of the person who responded. If the account's owner responded on the phone, the account's own JID. */
  participant: z.string(),
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  pushName: z.string().nullable(),
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

export const pollVote = {
  ...response,
  question: z.string(),
  /** All options that the person chooses now. Empty if the vote was withdrawn. */
  options: z.array(z.string()),
};

export const eventAnswer = {
  ...response,
  name: z.string(),
  answer: z.enum(responseAnswers),
  /** The number of guests that the person brings. */
  guests: z.number().int(),
};

/** Returns the fields that `pollVote` and `eventAnswer` share. */
export function responseOf(data: EventData<"poll.voted" | "event.answered">) {
  const { messageId, chatId, by, byLid, pushName, fromMe, timestamp } = data;
  const isGroup = isGroupJid(chatId);
  return {
    messageId,
    chatId,
    isGroup,
    participant: by,
    phoneNumber: numberOf(by),
    lid: byLid,
    pushName,
    fromMe,
    timestamp,
  };
}

/** A message without readable content. If the content arrives later, the usual webhook has the same `messageId`. */
export const unreadable = {
  messageId: z.string(),
  /** The JID to send a reply to: the group, otherwise the sender. For the account's own messages, the account. */
  from: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** The author of a group message. */
  participant: z.string().nullable(),
  /** Digits of the sender's phone number, if known. */
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  pushName: z.string().nullable(),
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
  ...unreadableDetails.shape,
};

/** Returns the fields of `unreadable`. */
export function unreadableOf(data: EventData<"message.unreadable">): z.output<z.ZodObject<typeof unreadable>> {
  const { messageId, chatId, isGroup, senderId, senderLid, pushName, fromMe, timestamp, reason, requested } = data;
  return {
    messageId,
    from: isGroup && !fromMe ? chatId : senderId,
    chatId,
    isGroup,
    participant: isGroup ? senderId : null,
    phoneNumber: numberOf(senderId),
    lid: senderLid,
    pushName,
    fromMe,
    timestamp,
    reason,
    requested,
  };
}

/** Returns the digits of a phone number JID, or null for any other JID. */
export const numberOf = phoneNumberOf;
