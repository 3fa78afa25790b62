import * as z from "zod";
import type { EventData } from "../../event/catalog/index.ts";
import { isGroupJid } from "../../message/recipient.ts";
import { responseAnswers } from "../../message/response.sql.ts";
import type { FileLink } from "./context.ts";

/** What a receiver learns of a file. Where it lies in our bucket stays ours. */
export const media = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  /** Bytes. */
  size: z.number().nullable(),
  /** Of the file, in hexadecimal. */
  sha256: z.string().nullable(),
  /** Downloads it, until then. */
  url: z.string().nullable(),
  urlExpiresAt: z.iso.datetime().nullable(),
});

export function mediaOf(
  known: EventData<"message.received">["media"],
  link: FileLink | null,
): z.output<typeof media> | null {
  if (!known) return null;
  const { mimetype, filename, size, sha256 } = known;
  return { mimetype, filename, size, sha256, url: link?.url ?? null, urlExpiresAt: link?.urlExpiresAt ?? null };
}

/** The message that one answers to, as its sender quotes it. */
export const quotedMessage = z.object({
  messageId: z.string(),
  /** JID of who wrote it. */
  participant: z.string().nullable(),
  body: z.string(),
});

export function quotedOf(quoted: EventData<"message.received">["quoted"]): z.output<typeof quotedMessage> | null {
  return quoted && { messageId: quoted.messageId, participant: quoted.senderId, body: quoted.body };
}

/** Of who answers to a poll or an event; `messageId` is that of the poll or event. */
const response = {
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** JID; ours when the account's owner answered on the phone. */
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
  /** All that is chosen now; none when the vote was taken back. */
  options: z.array(z.string()),
};

export const eventAnswer = {
  ...response,
  name: z.string(),
  answer: z.enum(responseAnswers),
  /** How many they bring along. */
  guests: z.number().int(),
};

/** Who answered to which poll or event, and when. */
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

/** The digits of a JID that is a phone number; null for any other. */
export function numberOf(jid: string): string | null {
  return /^([0-9]+)@s\.whatsapp\.net$/.exec(jid)?.[1] ?? null;
}
