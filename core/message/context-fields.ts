import * as z from "zod";
import { phoneNumberOf } from "./recipient.ts";

/** The limits of what a sender can put into the context of a message. Strings that are not listed here have their own. */
export const contextLimits = {
  /** Groups that a message mentions. */
  groupMentions: 32,
  /** The length of the user part of a mentioned JID. LIDs and phone numbers have at most 20 digits. */
  mentionUser: 32,
  /** Conversion data of an ad in bytes, before base64. */
  conversionData: 1_024,
} as const;

/**
 * The message that this message replies to, in addition to its id, author and text. The defaults are for events and
 * messages that are older than the fields.
 */
export const quotedDetails = z.object({
  /** JID of the chat in which the quoted message was sent. */
  chatId: z.string().nullable().default(null),
  /** LID of the author. */
  senderLid: z.string().nullable().default(null),
  /** Whether the account itself is the author. */
  fromMe: z.boolean().default(false),
  /** text, image, video, … Null if the quote has no content. */
  type: z.string().nullable().default(null),
  /** A small picture of the quoted file in base64: JPEG, PNG or WebP. */
  thumbnail: z.string().nullable().default(null),
  /** Whether the quoted message is a status post. */
  isStatus: z.boolean().default(false),
});
export type QuotedDetails = z.output<typeof quotedDetails>;

export const unknownQuote: QuotedDetails = quotedDetails.parse({});

const mention = z.object({
  /** JID, by phone number if it is known, as in `mentions`. */
  jid: z.string(),
  lid: z.string().nullable(),
  /** Digits. */
  phoneNumber: z.string().nullable(),
  /** The text that stands for the person: `@` and the user part of the LID or phone number. Null if it is not in the text. */
  token: z.string().nullable(),
});
/** A mention as it is stored. */
export type Mention = Omit<z.output<typeof mention>, "phoneNumber">;

const groupMention = z.object({ groupId: z.string(), subject: z.string() });
export type GroupMention = z.output<typeof groupMention>;

const forwarded = z.object({
  /** How often the message was forwarded. WhatsApp's apps write 127 for "many times". */
  score: z.int(),
  /** Whether clients show "Forwarded many times": from a score of 5 on. */
  many: z.boolean(),
  /** The channel that the message comes from. */
  channel: z.object({ id: z.string(), name: z.string().nullable(), postId: z.int().nullable() }).nullable(),
});
/** A forward as it is stored. */
export type Forward = Omit<z.output<typeof forwarded>, "many">;
/** WhatsApp help, "About forwarding limits". */
const manyForwards = 5;

const referral = z.object({
  /** Whether the person came from an ad ("click to WhatsApp"). Otherwise, the fields describe a card or an entry point. */
  isAd: z.boolean(),
  /** The id of the click, for reports to Meta's Conversions API. */
  ctwaClid: z.string().nullable(),
  /** `ad`, `post`, … */
  sourceType: z.string().nullable(),
  /** Meta's id of the ad or post. */
  sourceId: z.string().nullable(),
  sourceUrl: z.string().nullable(),
  /** `facebook`, `instagram`, … */
  sourceApp: z.string().nullable(),
  title: z.string().nullable(),
  body: z.string().nullable(),
  mediaType: z.enum(["image", "video"]).nullable(),
  mediaUrl: z.string().nullable(),
  thumbnailUrl: z.string().nullable(),
  /** Base64. */
  thumbnail: z.string().nullable(),
  /** The advertiser's own reference. */
  ref: z.string().nullable(),
  /** The greeting that WhatsApp showed to the person. */
  greeting: z.string().nullable(),
  /** How the person came to the chat, such as `ctwa_ad`. */
  entryPointConversionSource: z.string().nullable(),
  /** The app from which the person came. */
  entryPointConversionApp: z.string().nullable(),
  entryPointConversionDelaySeconds: z.int().nullable(),
  entryPointConversionExternalSource: z.string().nullable(),
  entryPointConversionExternalMedium: z.string().nullable(),
  /** The origin of the chat, such as `FB_Ads`. */
  conversionSource: z.string().nullable(),
  /** Opaque data of Meta in base64. */
  conversionData: z.string().nullable(),
  conversionDelaySeconds: z.int().nullable(),
  utmSource: z.string().nullable(),
  utmCampaign: z.string().nullable(),
});
export type Referral = z.output<typeof referral>;

/** What a wrapper in WhatsApp's protobuf says about the message in it, unless another field says it. */
export const messageMarks = [
  "groupStatus",
  "statusMention",
  "groupStatusMention",
  "statusAddYours",
  "groupMentioned",
  "question",
  "questionReply",
  "eventCover",
  "pollOptionImage",
  "limitSharing",
  "botInvoke",
  "botForwarded",
  "botTask",
] as const;
export type MessageMark = (typeof messageMarks)[number];

/** How a message belongs to another one. */
export const parentRelations = [
  "album",
  "eventCover",
  "pollMedia",
  "hdImage",
  "hdVideo",
  "motionPhoto",
  "stickerAnnotation",
  "statusPoll",
  "statusReshare",
  "statusAddYours",
  "statusNotification",
  "statusLink",
  "statusQuestion",
  "statusReaction",
  "botPlugin",
  "other",
] as const;

const parent = z.object({
  /** WhatsApp's id of the message that this one belongs to. */
  messageId: z.string(),
  relation: z.enum(parentRelations),
  /** The position in the album, from 0. Null if the message does not state it. */
  index: z.int().nullable(),
});
export type Parent = z.output<typeof parent>;

/** What a message has in addition to its content, its quote and the list of mentioned JIDs. */
export const messageContext = z.object({
  /** The mentioned people, in the order of `mentions`. */
  mentioned: z.array(mention),
  /** Whether the message mentions everyone in the group ("@all"). */
  mentionsAll: z.boolean(),
  /** The mentioned groups of a community. */
  groupMentions: z.array(groupMention),
  /** Null if the message is not forwarded. */
  forwarded: forwarded.nullable(),
  /** The ad, post, card or entry point that the message comes from. Null if the message names none. */
  referral: referral.nullable(),
  /** Whether the recipient can open the message only once. */
  viewOnce: z.boolean(),
  /** Seconds after which the message disappears. 0 means never. */
  ephemeral: z.int(),
  /** Whether the sender had edited the message before it arrived. */
  edited: z.boolean(),
  /** JID of the broadcast list by which the message came. Its chat is the chat with the sender. */
  broadcastList: z.string().nullable(),
  /**
   * The device of the sender: 0 is the phone, other numbers are linked devices. For own messages, this is the device
   * that the owner or the API used. Null for channel posts.
   */
  device: z.int().nullable(),
  /** The verified name of the business that sent the message, if the message states it. */
  businessName: z.string().nullable(),
  /** The message that this one belongs to, such as the album of a picture. The default is for older events. */
  parent: parent.nullable().default(null),
  /**
   * What else the message is: a status post of the group (`groupStatus`), a question in a channel (`question`), a
   * forwarded answer of a bot (`botForwarded`), and so on. The default is for older events.
   */
  marks: z.array(z.enum(messageMarks)).default([]),
  /** Whether a part of the context or the quote was too large or malformed, so that it is shortened or missing here. */
  truncated: z.boolean(),
});

/** The parts of the stored context that `messageContext` shows. A missing part has its usual value. */
export interface ContextParts {
  mentioned?: Mention[];
  mentionsAll?: true;
  groupMentions?: GroupMention[];
  forwarded?: Forward;
  referral?: Referral;
  viewOnce?: true;
  ephemeral?: number;
  edited?: true;
  broadcastList?: string;
  device?: number;
  businessName?: string;
  parent?: Parent;
  marks?: MessageMark[];
  contextTruncated?: true;
}

/** Returns the context in the form of events, webhooks and histories. */
export function shownContext(parts: ContextParts): z.output<typeof messageContext> {
  const { forwarded: forward } = parts;
  return {
    mentioned: (parts.mentioned ?? []).map((one) => ({ ...one, phoneNumber: phoneNumberOf(one.jid) })),
    mentionsAll: parts.mentionsAll ?? false,
    groupMentions: parts.groupMentions ?? [],
    forwarded: forward ? { ...forward, many: forward.score >= manyForwards } : null,
    referral: parts.referral ?? null,
    viewOnce: parts.viewOnce ?? false,
    ephemeral: parts.ephemeral ?? 0,
    edited: parts.edited ?? false,
    broadcastList: parts.broadcastList ?? null,
    device: parts.device ?? null,
    businessName: parts.businessName ?? null,
    parent: parts.parent ?? null,
    marks: parts.marks ?? [],
    truncated: parts.contextTruncated ?? false,
  };
}

/** Returns the words after an `@` in a text. */
export const atWords = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/@([0-9A-Za-z]+)/g)].map(([, word]) => word ?? ""));

/**
 * Returns the token with which a text mentions a person: `@` and the user part of one of the JIDs. `words` are those of
 * `atWords`. Returns null if the text contains none of these tokens.
 */
export function mentionToken(words: ReadonlySet<string>, jids: readonly (string | null)[]): string | null {
  const user = jids.map((jid) => jid?.split(/[:@]/)[0] ?? "").find((part) => words.has(part));
  return user === undefined ? null : `@${user}`;
}
