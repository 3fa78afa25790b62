import * as z from "zod";
import { instanceStatuses } from "../instance/instance.sql.ts";
import { isGroupJid } from "../message/recipient.ts";
import type { BodyContext, FileLink } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import { media, mediaOf, numberOf } from "./field.ts";

/** Every body: first what the Gateway API documents, in its order, then what it leaves out. */
function body<const Name extends string, Data extends z.ZodRawShape>(event: Name, data: Data) {
  return z.object({
    event: z.literal(event),
    instanceId: z.uuid(),
    timestamp: z.iso.datetime(),
    /** The document's auto-reply example takes `instanceId` from here. */
    data: z.object({ ...data, instanceId: z.uuid() }),
    /** The event's id and its number within the instance: 1, 2, 3 …; not every event is a webhook. */
    eventId: z.uuid(),
    sequence: z.number().int().positive(),
  });
}

/**
 * A text is `conversation`, whichever of its two forms it came in. Anything else is one field, named as in WhatsApp's
 * protobuf: `imageMessage`, `locationMessage`, …
 */
const content = z.union([
  z.object({ conversation: z.string() }),
  z.record(
    z.string(),
    z.object({
      caption: z.string().optional(),
      mimetype: z.string().optional(),
      fileName: z.string().optional(),
      fileLength: z.number().optional(),
    }),
  ),
]);

const message = {
  /** Where an answer goes: the sender, or the group. For our own messages: this account. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  message: content,
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** text, image, video, … */
  type: z.string(),
  /** Unix seconds. */
  timestamp: z.number().int(),
  media: media.nullable(),
};

const progress = {
  from: z.string().nullable(),
  to: z.string(),
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
};

/** `participant`: whose receipt it is. */
const receipt = { ...progress, participant: z.string(), timestamp: z.number().int() };

const schemas = {
  "message.received": body("message.received", {
    ...message,
    /** Who wrote it, in a group. */
    participant: z.string().nullable(),
    /** Of the sender, digits only, where WhatsApp tells it. */
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  "message.sent": body("message.sent", { ...message, source: z.enum(["api", "phone"]) }),
  "message.failed": body("message.failed", {
    ...progress,
    error: z.object({ code: z.string(), details: z.string().nullable() }),
  }),
  "message.delivered": body("message.delivered", receipt),
  "message.read": body("message.read", receipt),
  "connection.open": body("connection.open", {
    phoneNumber: z.string(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  "connection.close": body("connection.close", { reason: z.string(), willReconnect: z.boolean() }),
  "connection.update": body("connection.update", { status: z.enum(instanceStatuses), reason: z.string().nullable() }),
};

export const gatewayBodies: Record<string, z.ZodType> = schemas;
type Schemas = typeof schemas;
export type GatewayBody = { [Name in keyof Schemas]: z.output<Schemas[Name]> }[keyof Schemas];

/** The body of an event in this dialect, or null when it has none for it. */
export function gatewayBody(event: WebhookEvent, context: BodyContext, link: FileLink | null): GatewayBody | null {
  const { instanceId } = event;
  const head = { instanceId, timestamp: new Date(event.at).toISOString() };
  const tail = { eventId: event.id, sequence: event.seq };
  switch (event.type) {
    case "message.received": {
      const { data } = event;
      const fields = {
        from: data.isGroup ? data.chatId : data.senderId,
        to: data.to ?? context.ownJid,
        ...common(data, link),
        isGroup: data.isGroup,
        participant: data.isGroup ? data.senderId : null,
        phoneNumber: numberOf(data.senderId),
        lid: data.senderLid,
        pushName: data.pushName,
        instanceId,
      };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "message.sent": {
      const { data } = event;
      const fields = { from: context.ownJid, to: data.chatId, ...common(data, link), source: data.source, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "message.failed": {
      const { messageId, chatId, code, details } = event.data;
      const fields = { ...progressOf(chatId, messageId, context), error: { code, details }, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "message.delivered":
    case "message.read": {
      const { messageId, chatId, by, timestamp } = event.data;
      const fields = { ...progressOf(chatId, messageId, context), participant: by, timestamp, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "connection.open":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "connection.close":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "connection.update":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "connection.qr":
    case "message.edited":
    case "message.deleted":
    case "media.stored":
    case "media.failed":
    case "webhook.disabled":
      return null;
  }
}

type MessageData = Extract<WebhookEvent, { type: "message.received" | "message.sent" }>["data"];

function common(data: MessageData, link: FileLink | null) {
  return {
    message: contentOf(data),
    messageId: data.messageId,
    chatId: data.chatId,
    isGroup: isGroupJid(data.chatId),
    type: data.type,
    timestamp: data.timestamp,
    media: mediaOf(data.media, link),
  };
}

function contentOf(data: MessageData): z.output<typeof content> {
  if (data.type === "text") return { conversation: data.body };
  const { mimetype, filename, size } = data.media ?? {};
  return {
    [data.protoType]: {
      ...(data.body ? { caption: data.body } : {}),
      ...(mimetype ? { mimetype } : {}),
      ...(filename ? { fileName: filename } : {}),
      ...(typeof size === "number" ? { fileLength: size } : {}),
    },
  };
}

function progressOf(chatId: string, messageId: string, context: BodyContext) {
  return { from: context.ownJid, to: chatId, messageId, chatId, isGroup: isGroupJid(chatId) };
}
