import * as z from "zod";
import { contextEventFields } from "../../message/context.ts";
import { isGroupJid } from "../../message/recipient.ts";
import type { BodyContext, FileLink } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import { eventAnswer, media, mediaOf, numberOf, pollVote, quotedMessage, quotedOf, responseOf } from "./field.ts";

/** Every body: first what the Multi-Instance API documents, in its order, then what it leaves out. */
function body<const Name extends string, Data extends z.ZodRawShape>(event: Name, data: Data) {
  return z.object({
    event: z.literal(event),
    data: z.object({ instanceId: z.uuid(), ...data }),
    timestamp: z.iso.datetime(),
    /** The event's id and its number within the instance: 1, 2, 3 …; not every event is a webhook. */
    eventId: z.uuid(),
    sequence: z.number().int().positive(),
  });
}

/** What a poll offers, whose question is the text of its message, and what an event says besides its name, which is. */
const { poll, event } = contextEventFields;

const schemas = {
  message_received: body("message_received", {
    messageId: z.string(),
    /** Where an answer goes: the sender, or the group. */
    from: z.string(),
    body: z.string(),
    /** As WhatsApp names it: `conversation`, `extendedTextMessage`, `imageMessage`, … */
    type: z.string(),
    /** Unix seconds. */
    timestamp: z.number().int(),
    hasMedia: z.boolean(),
    pushName: z.string(),
    chatId: z.string(),
    isGroup: z.boolean(),
    /** Who wrote it, in a group. */
    participant: z.string().nullable(),
    /** Of the sender, digits only, where WhatsApp tells it. */
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    to: z.string().nullable(),
    /** text, image, video, … */
    messageType: z.string(),
    media: media.nullable(),
    quotedMessage: quotedMessage.nullable(),
    /** JIDs. */
    mentions: z.array(z.string()),
    poll,
    event,
  }),
  message_sent: body("message_sent", {
    messageId: z.string(),
    to: z.string(),
    body: z.string(),
    /** text, image, video, … */
    type: z.string(),
    timestamp: z.number().int(),
    hasMedia: z.boolean(),
    chatId: z.string(),
    isGroup: z.boolean(),
    /** `api`: by us; `phone`: the account's owner wrote it on a device of theirs. */
    source: z.enum(["api", "phone"]),
    media: media.nullable(),
    quotedMessage: quotedMessage.nullable(),
    /** JIDs. */
    mentions: z.array(z.string()),
    poll,
    event,
  }),
  message_status: body("message_status", {
    messageId: z.string(),
    status: z.enum(["delivered", "read", "failed"]),
    /** The chat. */
    from: z.string(),
    fromMe: z.literal(true),
    chatId: z.string(),
    isGroup: z.boolean(),
    /** Whose receipt it is. */
    participant: z.string().nullable(),
    timestamp: z.number().int(),
    /** Why it failed: one of the error codes, and words. */
    error: z.object({ code: z.string(), details: z.string().nullable() }).nullable(),
  }),
  poll_voted: body("poll_voted", pollVote),
  event_answered: body("event_answered", eventAnswer),
  connection_opened: body("connection_opened", {
    phoneNumber: z.string(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  connection_closed: body("connection_closed", { reason: z.string(), willReconnect: z.boolean() }),
  qr_received: body("qr_received", { qrCode: z.string(), expiresAt: z.iso.datetime() }),
};

export const multiInstanceBodies: Record<string, z.ZodType> = schemas;
type Schemas = typeof schemas;
export type MultiInstanceBody = { [Name in keyof Schemas]: z.output<Schemas[Name]> }[keyof Schemas];

/** The body of an event in this dialect, or null when it has none for it. */
export function multiInstanceBody(
  event: WebhookEvent,
  context: BodyContext,
  link: FileLink | null,
): MultiInstanceBody | null {
  const { instanceId } = event;
  const tail = { timestamp: new Date(event.at).toISOString(), eventId: event.id, sequence: event.seq };
  switch (event.type) {
    case "message.received": {
      const { data } = event;
      const fields = {
        instanceId,
        messageId: data.messageId,
        from: data.isGroup ? data.chatId : data.senderId,
        body: data.body,
        type: data.protoType,
        timestamp: data.timestamp,
        hasMedia: data.media !== null,
        pushName: data.pushName ?? "",
        chatId: data.chatId,
        isGroup: data.isGroup,
        participant: data.isGroup ? data.senderId : null,
        phoneNumber: numberOf(data.senderId),
        lid: data.senderLid,
        to: data.to ?? context.ownJid,
        messageType: data.type,
        media: mediaOf(data.media, link),
        quotedMessage: quotedOf(data.quoted),
        mentions: data.mentions,
        poll: data.poll,
        event: data.event,
      };
      return { event: "message_received", data: fields, ...tail };
    }
    case "message.sent": {
      const { data } = event;
      const fields = {
        instanceId,
        messageId: data.messageId,
        to: data.chatId,
        body: data.body,
        type: data.type,
        timestamp: data.timestamp,
        hasMedia: data.media !== null,
        chatId: data.chatId,
        isGroup: isGroupJid(data.chatId),
        source: data.source,
        media: mediaOf(data.media, link),
        quotedMessage: quotedOf(data.quoted),
        mentions: data.mentions,
        poll: data.poll,
        event: data.event,
      };
      return { event: "message_sent", data: fields, ...tail };
    }
    case "message.delivered":
    case "message.read":
    case "message.failed": {
      const { data } = event;
      const failed = event.type === "message.failed";
      const fields = {
        instanceId,
        messageId: data.messageId,
        status: failed
          ? ("failed" as const)
          : event.type === "message.read"
            ? ("read" as const)
            : ("delivered" as const),
        from: data.chatId,
        fromMe: true as const,
        chatId: data.chatId,
        isGroup: isGroupJid(data.chatId),
        participant: "by" in data ? data.by : null,
        timestamp: "timestamp" in data ? data.timestamp : Math.floor(Date.parse(event.at) / 1000),
        error: "code" in data ? { code: data.code, details: data.details } : null,
      };
      return { event: "message_status", data: fields, ...tail };
    }
    case "poll.voted": {
      const { question, options } = event.data;
      const fields = { instanceId, ...responseOf(event.data), question, options };
      return { event: "poll_voted", data: fields, ...tail };
    }
    case "event.answered": {
      const { name, answer, guests } = event.data;
      const fields = { instanceId, ...responseOf(event.data), name, answer, guests };
      return { event: "event_answered", data: fields, ...tail };
    }
    case "connection.open":
      return { event: "connection_opened", data: { instanceId, ...event.data }, ...tail };
    case "connection.close":
      return { event: "connection_closed", data: { instanceId, ...event.data }, ...tail };
    case "connection.qr": {
      const { sealedQr, expiresAt } = event.data;
      return { event: "qr_received", data: { instanceId, qrCode: context.openQr(sealedQr), expiresAt }, ...tail };
    }
    case "connection.update":
    case "group.join":
    case "group.leave":
    case "group.update":
    case "group.participants.update":
    case "call.received":
    case "call.rejected":
    case "call.ended":
    case "message.edited":
    case "message.deleted":
    case "media.stored":
    case "media.failed":
    case "status.received":
    case "webhook.disabled":
      return null;
  }
}
