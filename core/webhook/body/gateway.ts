import * as z from "zod";
import * as group from "../../event/catalog/group.ts";
import type { EventData } from "../../event/catalog/index.ts";
import { instanceStatuses } from "../../instance/instance.sql.ts";
import { isGroupJid } from "../../message/recipient.ts";
import type { BodyContext, FileLink } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import { eventAnswer, media, mediaOf, numberOf, pollVote, responseOf } from "./field.ts";

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
      /** Of a poll, whose question is its caption: what one may choose from, and how many of it; 0 means any number. */
      options: z.array(z.string()).optional(),
      selectableCount: z.number().int().optional(),
      /** Of an event, whose name is its caption. Instants in ISO 8601. */
      description: z.string().optional(),
      location: z.string().optional(),
      startTime: z.string().optional(),
      endTime: z.string().optional(),
      isCanceled: z.boolean().optional(),
      extraGuestsAllowed: z.boolean().optional(),
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

const call = {
  callId: z.string(),
  /** JID of who calls. */
  from: z.string(),
  /** Of who calls, digits only, where WhatsApp tells it. */
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

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
  /** Its `from` is who posted it: to answer it is to write to them. */
  "status.received": body("status.received", {
    ...message,
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
  "poll.voted": body("poll.voted", pollVote),
  "event.answered": body("event.answered", eventAnswer),
  "connection.open": body("connection.open", {
    phoneNumber: z.string(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  "connection.close": body("connection.close", { reason: z.string(), willReconnect: z.boolean() }),
  "connection.update": body("connection.update", { status: z.enum(instanceStatuses), reason: z.string().nullable() }),
  "group.join": body("group.join", group.join.data.shape),
  "group.leave": body("group.leave", group.leave.data.shape),
  "group.update": body("group.update", group.update.data.shape),
  "group.participants.update": body("group.participants.update", group.participantsUpdate.data.shape),
  "call.received": body("call.received", {
    ...call,
    isVideo: z.boolean(),
    isGroup: z.boolean(),
    /** JID of the group that is called. */
    groupId: z.string().nullable(),
    /** It came while the instance was away, and rings no more. */
    missed: z.boolean(),
  }),
  "call.rejected": body("call.rejected", { ...call, by: z.enum(["api", "phone"]) }),
  "call.ended": body("call.ended", { ...call, reason: z.enum(["accepted", "missed"]) }),
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
    case "status.received": {
      const { data } = event;
      const fields = {
        from: data.senderId,
        to: data.to ?? context.ownJid,
        ...common(data, link),
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
    case "poll.voted": {
      const { question, options } = event.data;
      const fields = { ...responseOf(event.data), question, options, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "event.answered": {
      const { name, answer, guests } = event.data;
      const fields = { ...responseOf(event.data), name, answer, guests, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "connection.open":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "connection.close":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "connection.update":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "group.join":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "group.leave":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "group.update":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "group.participants.update":
      return { event: event.type, ...head, data: { ...event.data, instanceId }, ...tail };
    case "call.received": {
      const { isVideo, isGroup, groupId, missed } = event.data;
      const fields = { ...callOf(event.data), isVideo, isGroup, groupId, missed, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "call.rejected": {
      const fields = { ...callOf(event.data), by: event.data.by, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "call.ended": {
      const fields = { ...callOf(event.data), reason: event.data.reason, instanceId };
      return { event: event.type, ...head, data: fields, ...tail };
    }
    case "connection.qr":
    case "message.edited":
    case "message.deleted":
    case "media.stored":
    case "media.failed":
    case "webhook.disabled":
      return null;
  }
}

type MessageData = Extract<WebhookEvent, { type: "message.received" | "message.sent" | "status.received" }>["data"];

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
      ...data.poll,
      ...(data.event ? eventContent(data.event) : {}),
    },
  };
}

function callOf({
  callId,
  from,
  lid,
  timestamp,
}: Pick<EventData<"call.received">, "callId" | "from" | "lid" | "timestamp">) {
  return { callId, from, phoneNumber: numberOf(from), lid, timestamp };
}

function eventContent(event: NonNullable<MessageData["event"]>) {
  const { description, location, startTime, endTime, canceled, extraGuestsAllowed } = event;
  return {
    ...(description ? { description } : {}),
    ...(location ? { location } : {}),
    ...(startTime ? { startTime } : {}),
    ...(endTime ? { endTime } : {}),
    isCanceled: canceled,
    extraGuestsAllowed,
  };
}

function progressOf(chatId: string, messageId: string, context: BodyContext) {
  return { from: context.ownJid, to: chatId, messageId, chatId, isGroup: isGroupJid(chatId) };
}
