import * as z from "zod";
import { boundText, maxBytes } from "../bound.ts";
import { defined } from "../object.ts";
import {
  type ContextParts,
  messageContext,
  type QuotedDetails,
  quotedDetails,
  shownContext,
  unknownQuote,
} from "./context-fields.ts";
import type { UnreadableDetails } from "./unreadable.ts";

/** What a message has in addition to its text: the column `context`. JIDs are by phone number if it is known. */
export interface MessageContext extends ContextParts {
  /** WhatsApp's id of the quoted message, its sender, and its text. */
  quotedMessageId?: string;
  quotedSender?: string | null;
  quotedBody?: string;
  /** The rest of the quote. */
  quoted?: QuotedDetails;
  mentions?: string[];
  /** For a reaction: WhatsApp's id of the message that it belongs to. */
  reactionTo?: string;
  /** For a channel post: its number in the channel, by which WhatsApp identifies the post. */
  serverId?: string;
  /** For a status post of the account: JIDs of the people who may see it. */
  audience?: string[];
  /** For a status post of the account: JIDs of the people who should see it, but have no LID. */
  skipped?: string[];
  /** For a message of the gateway to one person: how its stanza names the person. The same on every attempt. */
  addressedBy?: "lid" | "number";
  poll?: PollDetails;
  event?: EventDetails;
  /** Whether a text or list was too long, so that only its beginning is stored. */
  truncated?: true;
  /** For a message without readable content: why, and whether the owner's phone is asked for it. */
  unreadable?: UnreadableDetails;
}

/** A poll. The question is the text of the message. */
const pollDetails = z.object({
  options: z.array(z.string()),
  /** How many options a voter may choose; 0 means any number. */
  selectableCount: z.number().int(),
});
export type PollDetails = z.output<typeof pollDetails>;

/** A calendar event. Its name is the text of the message. Times in ISO 8601. */
const eventDetails = z.object({
  /**
   * The type of the calendar event. Null unless this gateway sent the event, because WhatsApp has no field for the
   * type.
   */
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

/** The largest number of options of a poll. WhatsApp's apps allow twelve. */
export const maxOptions = 32;
/** The size of WhatsApp's largest groups. */
export const maxMentions = 1024;

const quoted = z.object({
  /** WhatsApp's id of the quoted message. */
  messageId: z.string(),
  /** JID of the author. Null if the quote does not state the author. */
  senderId: z.string().nullable(),
  /** Its text or caption, as quoted. */
  body: z.string(),
  ...quotedDetails.shape,
});
export type Quoted = z.output<typeof quoted>;

/** The fields that the events of a message share. The defaults are for events that are older than the fields. */
export const contextEventFields = {
  quoted: quoted.nullable().default(null),
  /** JIDs of the mentioned people. */
  mentions: z.array(z.string()).default([]),
  context: messageContext.default(shownContext({})),
  /** The details of the poll, if the message is a poll. */
  poll: pollDetails.optional(),
  /** The details of the calendar event, if the message is one. */
  event: eventDetails.optional(),
  /** Present if a text or list of the message was too long, so that only its beginning is here. */
  truncated: z.literal(true).optional(),
};

/** Returns the context of a message in the form that its events contain. */
export function contextForEvent(context: MessageContext | null) {
  const { mentions, poll, event, truncated } = context ?? {};
  return {
    quoted: quotedIn(context),
    mentions: mentions ?? [],
    context: shownContext(context ?? {}),
    ...defined({
      poll: poll && { ...poll, options: announcedOptions(poll.options) },
      event: event && {
        ...event,
        description: boundText(event.description, maxBytes.detail),
        location: event.location === null ? null : boundText(event.location, maxBytes.detail),
      },
      truncated,
    }),
  };
}

/** Returns the quoted message, or null if the message is not a reply. */
export function quotedIn(context: MessageContext | null): Quoted | null {
  const { quotedMessageId, quotedSender, quotedBody, quoted: details } = context ?? {};
  if (!quotedMessageId) return null;
  const quote = { messageId: quotedMessageId, senderId: quotedSender ?? null, body: quotedBody ?? "" };
  return { ...quote, ...unknownQuote, ...details };
}

/**
 * Returns the context of a message after an edit with the context `edited`. The edit states all mentions. It may leave
 * out the quote and the rest.
 */
export function contextAfterEdit(original: MessageContext | null, edited: MessageContext): MessageContext {
  const { mentions, mentioned, mentionsAll, groupMentions, ...rest } = original ?? {};
  return { ...rest, ...edited };
}

/** Returns the options of a poll in the form that events contain. */
export function announcedOptions(options: readonly string[]): string[] {
  return options.slice(0, maxOptions).map((option) => boundText(option, maxBytes.option));
}
