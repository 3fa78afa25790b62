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
  /** Of a message of a channel: the number that it has there, by which WhatsApp knows it. */
  serverId?: string;
  /** Of a status of ours: who may see it. */
  audience?: string[];
  /** Of a status of ours: who has got or seen it, by JID. */
  views?: Record<string, "delivered" | "read">;
  poll?: PollDetails;
  event?: EventDetails;
}

/** What a poll asks is its text. */
const pollDetails = z.object({
  options: z.array(z.string()),
  /** How many one may choose; 0 means any number. */
  selectableCount: z.number().int(),
});
export type PollDetails = z.output<typeof pollDetails>;

/** An event's name is its text. Instants in ISO 8601. */
const eventDetails = z.object({
  /** What the sender said it is for, when that was this gateway: WhatsApp does not carry it. */
  type: z.string().nullable(),
  description: z.string(),
  /** The name of the place. */
  location: z.string().nullable(),
  startTime: z.string().nullable(),
  endTime: z.string().nullable(),
  canceled: z.boolean(),
  extraGuestsAllowed: z.boolean(),
});
export type EventDetails = z.output<typeof eventDetails>;

/** What an announcement tells at most of a poll or event, as strangers write them; WhatsApp's apps stay far below. Characters. */
const announced = { options: 32, option: 512, text: 4096 } as const;

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
  /** Of a poll. */
  poll: pollDetails.optional(),
  /** Of an event. */
  event: eventDetails.optional(),
};

/** A message's context in the form of its events. */
export function contextForEvent(context: MessageContext | null) {
  const { quotedMessageId, quotedSender, quotedBody, mentions, poll, event } = context ?? {};
  const quoted = quotedMessageId
    ? { messageId: quotedMessageId, senderId: quotedSender ?? null, body: quotedBody ?? "" }
    : null;
  return {
    quoted,
    mentions: mentions ?? [],
    ...(poll && { poll: { ...poll, options: announcedOptions(poll.options) } }),
    ...(event && {
      event: {
        ...event,
        description: event.description.slice(0, announced.text),
        location: event.location?.slice(0, announced.text) ?? null,
      },
    }),
  };
}

/** Options of a poll, as events carry them. */
export function announcedOptions(options: readonly string[]): string[] {
  return options.slice(0, announced.options).map((option) => option.slice(0, announced.option));
}
