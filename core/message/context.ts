import * as z from "zod";

/** What a message says besides its text, as the column `context` has it. JIDs by phone number where it is known. */
export interface MessageContext {
  /** WhatsApp's id of the message that this one answers to, who wrote that, and what it said. */
  quotedMessageId?: string;
  quotedSender?: string | null;
  quotedBody?: string;
  mentions?: string[];
  /** WhatsApp's id of the message that this one is a reaction to. */
  reactionTo?: string;
}

/** The quoted message as the sender of the quotation shows it: at most this many characters of it are kept. */
export const maxQuotedBody = 4096;
/** WhatsApp's largest group has so many members. */
export const maxMentions = 1024;

/** Fields of the events of a message. Events of the time before there were any do not have them. */
export const contextEventFields = {
  quoted: z
    .object({
      /** WhatsApp's id of the quoted message. */
      messageId: z.string(),
      /** JID of who wrote it; null when the quotation does not say. */
      senderId: z.string().nullable(),
      /** Its text or caption, as quoted. */
      body: z.string(),
    })
    .nullable()
    .default(null),
  /** JIDs of who is mentioned. */
  mentions: z.array(z.string()).default([]),
};

/** A message's context in the form of its events. */
export function contextForEvent(context: MessageContext | null) {
  const { quotedMessageId, quotedSender, quotedBody, mentions } = context ?? {};
  const quoted = quotedMessageId
    ? { messageId: quotedMessageId, senderId: quotedSender ?? null, body: quotedBody ?? "" }
    : null;
  return { quoted, mentions: mentions ?? [] };
}
