import * as z from "zod";
import { type ErrorCode, errorCodes } from "../../error.ts";
import { contextEventFields } from "../../message/context.ts";
import { defineEvent } from "./define.ts";

const messageMedia = z.object({
  mimetype: z.string().nullable(),
  filename: z.string().nullable(),
  size: z.number().nullable(),
  sha256: z.string().nullable(),
  /** Where the file is, or will be once `media.stored` says so, in the bucket. */
  storageKey: z.string(),
});

export const content = {
  /** WhatsApp's message id. */
  messageId: z.string(),
  chatId: z.string(),
  /** text, image, video, audio, document, … */
  type: z.string(),
  /** Name of the protobuf field that held it: `conversation`, `imageMessage`, … */
  protoType: z.string(),
  /** Text or caption. */
  body: z.string(),
  /** Unix seconds, WhatsApp's clock. */
  timestamp: z.number().int(),
  media: messageMedia.nullable(),
  ...contextEventFields,
};

export const received = defineEvent({
  type: "message.received",
  summary: "A message arrived",
  data: z.object({
    ...content,
    /** JID of who wrote it, by phone number where WhatsApp tells it. */
    senderId: z.string(),
    senderLid: z.string().nullable(),
    pushName: z.string().nullable(),
    isGroup: z.boolean(),
    /** Our own JID. */
    to: z.string().nullable(),
  }),
});

export const sent = defineEvent({
  type: "message.sent",
  summary: "WhatsApp has acknowledged a message of ours, or the account's owner wrote one on the phone",
  data: z.object({ ...content, source: z.enum(["api", "phone"]) }),
});

const progress = z.object({
  messageId: z.string(),
  chatId: z.string(),
  /** Whose receipt it is. */
  by: z.string(),
  /** Unix seconds. */
  timestamp: z.number().int(),
});

export const delivered = defineEvent({
  type: "message.delivered",
  summary: "A device of the recipient has it",
  data: progress,
});
export const read = defineEvent({ type: "message.read", summary: "The recipient has read it", data: progress });

export const failed = defineEvent({
  type: "message.failed",
  summary: "A message that was accepted will not be sent",
  data: z.object({
    messageId: z.string(),
    chatId: z.string(),
    code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
    details: z.string().nullable(),
  }),
});

const revision = {
  messageId: z.string(),
  chatId: z.string(),
  /** JID of who did it. */
  by: z.string(),
  /** Whether that was this account, by the API or on the phone. */
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

export const edited = defineEvent({
  type: "message.edited",
  summary: "The writer of a message has changed its text or caption",
  /** `body`: what it says now. */
  data: z.object({ ...revision, body: z.string() }),
});

export const deleted = defineEvent({
  type: "message.deleted",
  summary: "A message was deleted for everyone, by its writer or an admin of the group",
  data: z.object(revision),
});

export const mediaStored = defineEvent({
  type: "media.stored",
  summary: "The file of a message is in the bucket",
  data: z.object({ messageId: z.string(), chatId: z.string(), media: messageMedia }),
});

export const mediaFailed = defineEvent({
  type: "media.failed",
  summary: "The file of a message could not be had from WhatsApp",
  data: z.object({ messageId: z.string(), chatId: z.string(), error: z.string() }),
});
