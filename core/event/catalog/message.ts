import * as z from "zod";
import { type ErrorCode, errorCodes } from "../../error.ts";
import { contentField } from "../../message/content/index.ts";
import { contextEventFields } from "../../message/context.ts";
import { messageStatuses } from "../../message/message.sql.ts";
import { unreadableDetails } from "../../message/unreadable.ts";
import { defineEvent } from "./define.ts";

const messageMedia = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  size: z.number().nullable(),
  sha256: z.string().nullable(),
  /** Key of the file in the bucket. The file is there from the event `media.stored` on. */
  storageKey: z.string(),
});

export const content = {
  /** WhatsApp's message id. */
  messageId: z.string(),
  chatId: z.string(),
  /** text, image, video, audio, document, … */
  type: z.string(),
  /** Name of the field of `proto.Message`: `conversation`, `imageMessage`, … */
  protoType: z.string(),
  /** Text or caption. */
  body: z.string(),
  /** Unix seconds, by WhatsApp's clock. */
  timestamp: z.number().int(),
  media: messageMedia.nullable(),
  /**
   * What the message says, by its kind. Null for messages of older versions. During a deployment, a reader of the
   * previous version gets null for a kind that it does not know.
   */
  content: contentField.default(null).catch(null),
  ...contextEventFields,
};

export const received = defineEvent({
  type: "message.received",
  summary: "A message arrived",
  data: z.object({
    ...content,
    /** JID of the sender, by phone number if WhatsApp reports it. */
    senderId: z.string(),
    senderLid: z.string().nullable(),
    pushName: z.string().nullable(),
    isGroup: z.boolean(),
    /** JID of the account. */
    to: z.string().nullable(),
  }),
});

/** For a status post: JIDs of the people who should see it, but can't be reached. Absent if there are none. */
const skipped = z.array(z.string()).optional();

export const sent = defineEvent({
  type: "message.sent",
  summary: "WhatsApp acknowledged a message from the API, or the owner sent one on the phone",
  data: z.object({ ...content, source: z.enum(["api", "phone"]), skipped }),
});

export const unreadable = defineEvent({
  type: "message.unreadable",
  summary: "A message arrived whose content can't be read, at least for now",
  data: z.object({
    /** If the content arrives later, `message.received`, `message.sent` or another event has the same id. */
    messageId: z.string(),
    chatId: z.string(),
    /** JID of the sender, by phone number if WhatsApp reports it. For the account's own messages, the account. */
    senderId: z.string(),
    senderLid: z.string().nullable(),
    pushName: z.string().nullable(),
    /** Whether the owner sent the message on the phone. */
    fromMe: z.boolean(),
    isGroup: z.boolean(),
    /** Unix seconds, by WhatsApp's clock. */
    timestamp: z.number().int(),
    ...unreadableDetails.shape,
  }),
});

const progress = z.object({
  messageId: z.string(),
  chatId: z.string(),
  /** JID of the person, by phone number if it is known. */
  by: z.string(),
  byLid: z.string().nullable().default(null),
  /** Unix seconds. */
  timestamp: z.number().int(),
  /**
   * The status of the message after this. A group message is `delivered` and `read` when each member has received and
   * read it. Absent in events of older versions.
   */
  messageStatus: z.enum(messageStatuses).optional(),
});

export const delivered = defineEvent({
  type: "message.delivered",
  summary: "A message reached a device of a recipient",
  data: progress,
});
export const read = defineEvent({ type: "message.read", summary: "A recipient read a message", data: progress });
export const played = defineEvent({
  type: "message.played",
  summary: "A recipient listened to a voice note",
  data: progress,
});

export const failed = defineEvent({
  type: "message.failed",
  summary: "An accepted message will not be sent",
  data: z.object({
    messageId: z.string(),
    chatId: z.string(),
    code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    details: z.string().nullable(),
  }),
});

const fileOrigin = {
  messageId: z.string(),
  chatId: z.string(),
  /** Whether the account itself sent the message, on another device. */
  fromMe: z.boolean().default(false),
};

export const mediaStored = defineEvent({
  type: "media.stored",
  summary: "The file of a message is stored in the bucket",
  data: z.object({ ...fileOrigin, media: messageMedia }),
});

export const mediaFailed = defineEvent({
  type: "media.failed",
  summary: "The file of a message could not be fetched from WhatsApp",
  data: z.object({ ...fileOrigin, error: z.string() }),
});
