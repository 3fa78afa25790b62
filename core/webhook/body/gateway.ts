import * as z from "zod";
import * as chat from "../../event/catalog/chat.ts";
import * as connection from "../../event/catalog/connection.ts";
import * as group from "../../event/catalog/group.ts";
import * as history from "../../event/catalog/history.ts";
import type { EventData } from "../../event/catalog/index.ts";
import * as instance from "../../event/catalog/instance.ts";
import * as parked from "../../event/catalog/parked.ts";
import * as stanza from "../../event/catalog/stanza.ts";
import { isGroupJid } from "../../message/recipient.ts";
import { contextFields, contextFieldsOf } from "../../message/shown-context.ts";
import { defined } from "../../object.ts";
import {
  aboutOf,
  messageDeletion,
  messageEdit,
  messageEditOf,
  messageKeep,
  messageKeepOf,
  messagePin,
  messagePinOf,
  messageReaction,
  messageReactionOf,
  messageResponse,
  messageResponseOf,
} from "./about.ts";
import { callBodies, endedCallOf, receivedCallOf, rejectedCallOf } from "./call.ts";
import type { BodyContext, FileLink } from "./context.ts";
import type { WebhookEvent } from "./event.ts";
import {
  content,
  eventAnswer,
  media,
  mediaOf,
  numberOf,
  pollVote,
  receiver,
  receiverOf,
  responseOf,
  skipped,
  truncated,
  unreadable,
  unreadableOf,
} from "./field.ts";
import { lostFile, lostFileOf, storedFile, storedFileOf } from "./file.ts";
import { gatewayMessage, gatewayMessageOf, type MessageData } from "./gateway-message.ts";

/** Defines a body: first the fields that the Gateway API documents, in its order, then additional ones. */
function body<const Name extends string, Data extends z.ZodRawShape>(event: Name, data: Data) {
  return z.object({
    event: z.literal(event),
    instanceId: z.uuid(),
    timestamp: z.iso.datetime(),
    /** The auto-reply example in the Gateway API's documentation reads `instanceId` from here. */
    data: z.object({ ...data, instanceId: z.uuid() }),
    /**
     * The event's id, and its number within the instance: 1, 2, 3 … Receivers see gaps, because not every event has a
     * webhook.
     */
    eventId: z.uuid(),
    sequence: z.number().int().positive(),
    /** The instance's `metadata`. Absent if it has none. */
    metadata: z.record(z.string(), z.string()).optional(),
  });
}

const message = {
  /** The JID to send a reply to: the group, otherwise the sender. For the account's own messages, the account. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  message: gatewayMessage,
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
  /** text, image, video, … */
  type: z.string(),
  /** Unix seconds. */
  timestamp: z.number().int(),
  media: media.nullable(),
  ...contextFields,
  truncated,
  content,
};

/** The sent message that a state change is about. */
const sentMessage = {
  from: z.string().nullable(),
  to: z.string(),
  messageId: z.string(),
  chatId: z.string(),
  isGroup: z.boolean(),
};

/** `participant`: the person who has received or read the message. */
const receipt = { ...sentMessage, participant: z.string(), ...receiver, timestamp: z.number().int() };

const schemas = {
  "message.received": body("message.received", {
    ...message,
    /** The author of a group message. */
    participant: z.string().nullable(),
    /** Digits of the sender's phone number, if known. */
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  /** `from` is the author of the status post. Send a reply to this JID. */
  "status.received": body("status.received", {
    ...message,
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  "message.sent": body("message.sent", { ...message, source: z.enum(["api", "phone"]), skipped }),
  "message.unreadable": body("message.unreadable", unreadable),
  "message.failed": body("message.failed", {
    ...sentMessage,
    error: z.object({ code: z.string(), details: z.string().nullable() }),
  }),
  "message.delivered": body("message.delivered", receipt),
  "message.read": body("message.read", receipt),
  "message.edited": body("message.edited", messageEdit),
  "message.deleted": body("message.deleted", messageDeletion),
  /** A recipient listened to a voice note. */
  "message.played": body("message.played", receipt),
  "message.reaction": body("message.reaction", messageReaction),
  "message.pinned": body("message.pinned", messagePin),
  "message.kept": body("message.kept", messageKeep),
  "media.stored": body("media.stored", storedFile),
  "media.failed": body("media.failed", lostFile),
  "message.response": body("message.response", messageResponse),
  "poll.voted": body("poll.voted", pollVote),
  "event.answered": body("event.answered", eventAnswer),
  "connection.open": body("connection.open", {
    phoneNumber: z.string(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  "connection.close": body("connection.close", connection.close.data.shape),
  "connection.update": body("connection.update", connection.update.data.shape),
  /** The instance can't link or connect, for a reason that a person can act on. */
  "connection.problem": body("connection.problem", connection.problem.data.shape),
  "instance.restricted": body("instance.restricted", instance.restricted.data.shape),
  "instance.unrestricted": body("instance.unrestricted", instance.unrestricted.data.shape),
  "instance.paused": body("instance.paused", instance.paused.data.shape),
  "instance.resumed": body("instance.resumed", instance.resumed.data.shape),
  /** Only for endpoints that choose it. */
  "instance.updated": body("instance.updated", instance.updated.data.shape),
  "chat.update": body("chat.update", chat.update.data.shape),
  "history.progress": body("history.progress", history.progress.data.shape),
  "history.completed": body("history.completed", history.completed.data.shape),
  "group.join": body("group.join", group.join.data.shape),
  "group.leave": body("group.leave", group.leave.data.shape),
  "group.update": body("group.update", group.update.data.shape),
  "group.participants.update": body("group.participants.update", group.participantsUpdate.data.shape),
  "call.received": body("call.received", callBodies.received),
  "call.rejected": body("call.rejected", callBodies.rejected),
  "call.ended": body("call.ended", callBodies.ended),
  /** Something that WhatsApp delivered could not be stored. */
  "stanza.quarantined": body("stanza.quarantined", stanza.quarantined.data.shape),
  /** An event was skipped, because a queue never accepts it. `sequence` and `eventId` in `data` are those of that event. */
  "event.parked": body("event.parked", parked.parked.data.shape),
};

export const gatewayBodies: Record<string, z.ZodType> = schemas;
type Schemas = typeof schemas;
export type GatewayBody = { [Name in keyof Schemas]: z.output<Schemas[Name]> }[keyof Schemas];

/** Returns a function that makes the body of an event from its data. */
function makerOf({ id: eventId, instanceId, seq: sequence, at }: WebhookEvent) {
  const timestamp = new Date(at).toISOString();
  return <const Name extends string, Data extends object>(name: Name, data: Data) => {
    return { event: name, instanceId, timestamp, data: { ...data, instanceId }, eventId, sequence };
  };
}

/** Returns the body of an event about the connection or the account. */
function instanceBody(
  event: Extract<
    WebhookEvent,
    { type: `instance.${string}` | `connection.${"open" | "close" | "update" | "problem"}` }
  >,
): GatewayBody {
  const make = makerOf(event);
  switch (event.type) {
    case "connection.open":
      return make(event.type, event.data);
    case "connection.close":
      return make(event.type, event.data);
    case "connection.update":
      return make(event.type, event.data);
    case "connection.problem":
      return make(event.type, event.data);
    case "instance.restricted":
      return make(event.type, event.data);
    case "instance.unrestricted":
      return make(event.type, event.data);
    case "instance.paused":
      return make(event.type, event.data);
    case "instance.resumed":
      return make(event.type, event.data);
    case "instance.updated":
      return make(event.type, event.data);
  }
}

/** Returns the body of an event in this dialect, or null if the dialect has no such event. */
export function gatewayBody(event: WebhookEvent, context: BodyContext, link: FileLink | null): GatewayBody | null {
  const make = makerOf(event);
  switch (event.type) {
    case "message.received":
      return make(event.type, receivedOf(event.data, context, link));
    case "status.received":
      return make(event.type, statusPostOf(event.data, context, link));
    case "message.sent":
      return make(event.type, sentOf(event.data, context, link));
    case "message.unreadable":
      return make(event.type, unreadableOf(event.data));
    case "message.failed": {
      const { messageId, chatId, code, details } = event.data;
      return make(event.type, { ...sentMessageOf(chatId, messageId, context), error: { code, details } });
    }
    case "message.delivered":
    case "message.read":
    case "message.played": {
      const { messageId, chatId, by: participant, timestamp } = event.data;
      const sent = sentMessageOf(chatId, messageId, context);
      return make(event.type, { ...sent, participant, ...receiverOf(event.data), timestamp });
    }
    case "message.edited":
      return make(event.type, messageEditOf(event.data));
    case "message.deleted":
      return make(event.type, aboutOf(event.data));
    case "message.reaction":
      return make(event.type, messageReactionOf(event.data));
    case "message.pinned":
      return make(event.type, messagePinOf(event.data));
    case "message.kept":
      return make(event.type, messageKeepOf(event.data));
    case "media.stored":
      return make(event.type, storedFileOf(event.data, link));
    case "media.failed":
      return make(event.type, lostFileOf(event.data));
    case "message.response":
      return make(event.type, messageResponseOf(event.data));
    case "poll.voted": {
      const { question, options } = event.data;
      return make(event.type, { ...responseOf(event.data), question, options });
    }
    case "event.answered": {
      const { name, answer, guests } = event.data;
      return make(event.type, { ...responseOf(event.data), name, answer, guests });
    }
    case "connection.open":
    case "connection.close":
    case "connection.update":
    case "connection.problem":
    case "instance.restricted":
    case "instance.unrestricted":
    case "instance.paused":
    case "instance.resumed":
    case "instance.updated":
      return instanceBody(event);
    case "chat.update":
      return make(event.type, event.data);
    case "history.progress":
      return make(event.type, event.data);
    case "history.completed":
      return make(event.type, event.data);
    case "group.join":
      return make(event.type, event.data);
    case "group.leave":
      return make(event.type, event.data);
    case "group.update":
      return make(event.type, event.data);
    case "group.participants.update":
      return make(event.type, event.data);
    case "call.received":
      return make(event.type, receivedCallOf(event.data));
    case "call.rejected":
      return make(event.type, rejectedCallOf(event.data));
    case "call.ended":
      return make(event.type, endedCallOf(event.data));
    case "stanza.quarantined":
      return make(event.type, event.data);
    case "event.parked":
      return make(event.type, event.data);
    case "connection.qr":
    case "webhook.disabled":
    case "event.erased":
      return null;
  }
}

function receivedOf(data: EventData<"message.received">, context: BodyContext, link: FileLink | null) {
  return {
    from: data.isGroup ? data.chatId : data.senderId,
    to: data.to ?? context.ownJid,
    ...messageFields(data, link),
    isGroup: data.isGroup,
    participant: data.isGroup ? data.senderId : null,
    phoneNumber: numberOf(data.senderId),
    lid: data.senderLid,
    pushName: data.pushName,
  };
}

function statusPostOf(data: EventData<"status.received">, context: BodyContext, link: FileLink | null) {
  return {
    from: data.senderId,
    to: data.to ?? context.ownJid,
    ...messageFields(data, link),
    phoneNumber: numberOf(data.senderId),
    lid: data.senderLid,
    pushName: data.pushName,
  };
}

function sentOf(data: EventData<"message.sent">, context: BodyContext, link: FileLink | null) {
  return {
    from: context.ownJid,
    to: data.chatId,
    ...messageFields(data, link),
    source: data.source,
    ...defined({ skipped: data.skipped }),
  };
}

function messageFields(data: MessageData, link: FileLink | null) {
  return {
    message: gatewayMessageOf(data),
    messageId: data.messageId,
    chatId: data.chatId,
    isGroup: isGroupJid(data.chatId),
    type: data.type,
    timestamp: data.timestamp,
    media: mediaOf(data.media, link),
    ...contextFieldsOf(data),
    ...defined({ truncated: data.truncated }),
    content: data.content,
  };
}

function sentMessageOf(chatId: string, messageId: string, context: BodyContext) {
  return { from: context.ownJid, to: chatId, messageId, chatId, isGroup: isGroupJid(chatId) };
}
