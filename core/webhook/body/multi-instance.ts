import * as z from "zod";
import * as chat from "../../event/catalog/chat.ts";
import * as connection from "../../event/catalog/connection.ts";
import * as group from "../../event/catalog/group.ts";
import * as history from "../../event/catalog/history.ts";
import type { EventData } from "../../event/catalog/index.ts";
import * as instance from "../../event/catalog/instance.ts";
import { contextEventFields } from "../../message/context.ts";
import { isGroupJid } from "../../message/recipient.ts";
import { contextFields, contextFieldsOf } from "../../message/shown-context.ts";
import { statusChat } from "../../message/status.ts";
import { defined } from "../../object.ts";
import {
  aboutOf,
  isAboutOthersStatus,
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

/** Defines a body: first the fields that the Multi-Instance API documents, in its order, then additional ones. */
function body<const Name extends string, Data extends z.ZodRawShape>(event: Name, data: Data) {
  return z.object({
    event: z.literal(event),
    data: z.object({ instanceId: z.uuid(), ...data }),
    timestamp: z.iso.datetime(),
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

/** The options of a poll, and the details of a calendar event. The question or name is in the message's `body`. */
const { poll, event } = contextEventFields;

const schemas = {
  message_received: body("message_received", {
    messageId: z.string(),
    /** The JID to send a reply to: the group, otherwise the sender. */
    from: z.string(),
    body: z.string(),
    /** WhatsApp's name: `conversation`, `extendedTextMessage`, `imageMessage`, … */
    type: z.string(),
    /** Unix seconds. */
    timestamp: z.number().int(),
    hasMedia: z.boolean(),
    pushName: z.string(),
    chatId: z.string(),
    isGroup: z.boolean(),
    /** The author of a group message. */
    participant: z.string().nullable(),
    /** Digits of the sender's phone number, if known. */
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    to: z.string().nullable(),
    /** text, image, video, … */
    messageType: z.string(),
    media: media.nullable(),
    ...contextFields,
    poll,
    event,
    truncated,
    content,
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
    /** `api`: sent through Switchboard. `phone`: sent by the account's owner on another device. */
    source: z.enum(["api", "phone"]),
    skipped,
    media: media.nullable(),
    ...contextFields,
    poll,
    event,
    truncated,
    content,
  }),
  message_unreadable: body("message_unreadable", unreadable),
  message_status: body("message_status", {
    messageId: z.string(),
    status: z.enum(["delivered", "read", "failed"]),
    /** JID of the chat. */
    from: z.string(),
    fromMe: z.literal(true),
    chatId: z.string(),
    isGroup: z.boolean(),
    /** The person who has received or read the message. In a group, each person is reported once. */
    participant: z.string().nullable(),
    ...receiver,
    timestamp: z.number().int(),
    /** Why the message failed: an error code, and `details` for people, which can be null. */
    error: z.object({ code: z.string(), details: z.string().nullable() }).nullable(),
  }),
  message_edited: body("message_edited", messageEdit),
  message_deleted: body("message_deleted", messageDeletion),
  /** A recipient listened to a voice note. */
  message_played: body("message_played", {
    messageId: z.string(),
    /** JID of the chat. */
    from: z.string(),
    fromMe: z.literal(true),
    chatId: z.string(),
    isGroup: z.boolean(),
    participant: z.string(),
    ...receiver,
    timestamp: z.number().int(),
  }),
  message_reaction: body("message_reaction", messageReaction),
  message_pinned: body("message_pinned", messagePin),
  message_kept: body("message_kept", messageKeep),
  media_stored: body("media_stored", storedFile),
  media_failed: body("media_failed", lostFile),
  message_response: body("message_response", messageResponse),
  poll_voted: body("poll_voted", pollVote),
  event_answered: body("event_answered", eventAnswer),
  instance_restricted: body("instance_restricted", instance.restricted.data.shape),
  instance_unrestricted: body("instance_unrestricted", instance.unrestricted.data.shape),
  instance_paused: body("instance_paused", instance.paused.data.shape),
  instance_resumed: body("instance_resumed", instance.resumed.data.shape),
  /** Only for endpoints that choose it. */
  instance_updated: body("instance_updated", instance.updated.data.shape),
  chat_updated: body("chat_updated", chat.update.data.shape),
  /** Only for endpoints that choose it, as all webhooks about status posts, groups and calls. `from` is the author. */
  status_received: body("status_received", {
    messageId: z.string(),
    from: z.string(),
    body: z.string(),
    type: z.string(),
    timestamp: z.number().int(),
    hasMedia: z.boolean(),
    pushName: z.string(),
    chatId: z.string(),
    phoneNumber: z.string().nullable(),
    lid: z.string().nullable(),
    to: z.string().nullable(),
    messageType: z.string(),
    media: media.nullable(),
    ...contextFields,
    poll,
    event,
    truncated,
    content,
  }),
  group_joined: body("group_joined", group.join.data.shape),
  group_left: body("group_left", group.leave.data.shape),
  group_updated: body("group_updated", group.update.data.shape),
  group_participants_updated: body("group_participants_updated", group.participantsUpdate.data.shape),
  call_received: body("call_received", callBodies.received),
  call_rejected: body("call_rejected", callBodies.rejected),
  call_ended: body("call_ended", callBodies.ended),
  history_progress: body("history_progress", history.progress.data.shape),
  history_completed: body("history_completed", history.completed.data.shape),
  connection_opened: body("connection_opened", {
    phoneNumber: z.string(),
    lid: z.string().nullable(),
    pushName: z.string().nullable(),
  }),
  connection_closed: body("connection_closed", connection.close.data.shape),
  /** The instance can't link or connect, for a reason that a person can act on. */
  connection_problem: body("connection_problem", connection.problem.data.shape),
  qr_received: body("qr_received", { qrCode: z.string(), expiresAt: z.iso.datetime() }),
};

export const multiInstanceBodies: Record<string, z.ZodType> = schemas;
type Schemas = typeof schemas;
export type MultiInstanceBody = { [Name in keyof Schemas]: z.output<Schemas[Name]> }[keyof Schemas];

/** Returns a function that makes the body of an event from its data. */
function makerOf({ id: eventId, instanceId, seq: sequence, at }: WebhookEvent) {
  const tail = { timestamp: new Date(at).toISOString(), eventId, sequence };
  return <const Name extends string, Data extends object>(name: Name, data: Data) => {
    return { event: name, data: { instanceId, ...data }, ...tail };
  };
}

/** Returns the body of an event about the instance, a group or a call. */
function ownBody(
  event: Extract<WebhookEvent, { type: `instance.${string}` | `group.${string}` | `call.${string}` }>,
): MultiInstanceBody {
  const make = makerOf(event);
  switch (event.type) {
    case "instance.restricted":
      return make("instance_restricted", event.data);
    case "instance.unrestricted":
      return make("instance_unrestricted", event.data);
    case "instance.paused":
      return make("instance_paused", event.data);
    case "instance.resumed":
      return make("instance_resumed", event.data);
    case "instance.updated":
      return make("instance_updated", event.data);
    case "group.join":
      return make("group_joined", event.data);
    case "group.leave":
      return make("group_left", event.data);
    case "group.update":
      return make("group_updated", event.data);
    case "group.participants.update":
      return make("group_participants_updated", event.data);
    case "call.received":
      return make("call_received", receivedCallOf(event.data));
    case "call.rejected":
      return make("call_rejected", rejectedCallOf(event.data));
    case "call.ended":
      return make("call_ended", endedCallOf(event.data));
  }
}

/** Returns the body of an event in this dialect, or null if the dialect has no such event. */
export function multiInstanceBody(
  event: WebhookEvent,
  context: BodyContext,
  link: FileLink | null,
): MultiInstanceBody | null {
  // What others do to status posts of others has no webhook here. Reactions to those of the account itself do.
  if (isAboutOthersStatus(event)) return null;
  const make = makerOf(event);
  switch (event.type) {
    case "message.received":
      return make("message_received", receivedOf(event.data, context, link));
    case "message.sent":
      return make("message_sent", sentOf(event.data, link));
    case "message.unreadable":
      return event.data.chatId === statusChat ? null : make("message_unreadable", unreadableOf(event.data));
    case "message.delivered":
    case "message.read":
    case "message.failed":
      return make("message_status", statusOf(event));
    case "message.edited":
      return make("message_edited", messageEditOf(event.data));
    case "message.deleted":
      return make("message_deleted", aboutOf(event.data));
    case "message.played": {
      const { messageId, chatId, by: participant, timestamp } = event.data;
      const message = { messageId, from: chatId, fromMe: true as const, chatId, isGroup: isGroupJid(chatId) };
      return make("message_played", { ...message, participant, ...receiverOf(event.data), timestamp });
    }
    case "message.reaction":
      return make("message_reaction", messageReactionOf(event.data));
    case "message.pinned":
      return make("message_pinned", messagePinOf(event.data));
    case "message.kept":
      return make("message_kept", messageKeepOf(event.data));
    case "media.stored":
      return event.data.chatId === statusChat ? null : make("media_stored", storedFileOf(event.data, link));
    case "media.failed":
      return event.data.chatId === statusChat ? null : make("media_failed", lostFileOf(event.data));
    case "message.response":
      return make("message_response", messageResponseOf(event.data));
    case "poll.voted": {
      const { question, options } = event.data;
      return make("poll_voted", { ...responseOf(event.data), question, options });
    }
    case "event.answered": {
      const { name, answer, guests } = event.data;
      return make("event_answered", { ...responseOf(event.data), name, answer, guests });
    }
    case "chat.update":
      return make("chat_updated", event.data);
    case "history.progress":
      return make("history_progress", event.data);
    case "history.completed":
      return make("history_completed", event.data);
    case "connection.open":
      return make("connection_opened", event.data);
    case "connection.close":
      return make("connection_closed", event.data);
    case "connection.problem":
      return make("connection_problem", event.data);
    case "connection.qr": {
      const { sealedQr, expiresAt } = event.data;
      return make("qr_received", { qrCode: context.openQr(sealedQr), expiresAt });
    }
    case "status.received":
      return make("status_received", statusPostOf(event.data, context, link));
    case "group.join":
    case "group.leave":
    case "group.update":
    case "group.participants.update":
    case "call.received":
    case "call.rejected":
    case "call.ended":
    case "instance.restricted":
    case "instance.unrestricted":
    case "instance.paused":
    case "instance.resumed":
    case "instance.updated":
      return ownBody(event);
    case "connection.update":
    case "webhook.disabled":
    case "stanza.quarantined":
    case "event.parked":
    case "event.erased":
      return null;
  }
}

function receivedOf(data: EventData<"message.received">, context: BodyContext, link: FileLink | null) {
  return {
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
    ...extrasOf(data, link),
  };
}

function statusPostOf(data: EventData<"status.received">, context: BodyContext, link: FileLink | null) {
  return {
    messageId: data.messageId,
    from: data.senderId,
    body: data.body,
    type: data.protoType,
    timestamp: data.timestamp,
    hasMedia: data.media !== null,
    pushName: data.pushName ?? "",
    chatId: data.chatId,
    phoneNumber: numberOf(data.senderId),
    lid: data.senderLid,
    to: data.to ?? context.ownJid,
    messageType: data.type,
    ...extrasOf(data, link),
  };
}

function sentOf(data: EventData<"message.sent">, link: FileLink | null) {
  return {
    messageId: data.messageId,
    to: data.chatId,
    body: data.body,
    type: data.type,
    timestamp: data.timestamp,
    hasMedia: data.media !== null,
    chatId: data.chatId,
    isGroup: isGroupJid(data.chatId),
    source: data.source,
    ...defined({ skipped: data.skipped }),
    ...extrasOf(data, link),
  };
}

function extrasOf(data: EventData<"message.received" | "message.sent" | "status.received">, link: FileLink | null) {
  return {
    media: mediaOf(data.media, link),
    ...contextFieldsOf(data),
    poll: data.poll,
    event: data.event,
    ...defined({ truncated: data.truncated }),
    content: data.content,
  };
}

const statuses = { "message.delivered": "delivered", "message.read": "read", "message.failed": "failed" } as const;

function statusOf(event: Extract<WebhookEvent, { type: keyof typeof statuses }>) {
  const { data } = event;
  return {
    messageId: data.messageId,
    status: statuses[event.type],
    from: data.chatId,
    fromMe: true as const,
    chatId: data.chatId,
    isGroup: isGroupJid(data.chatId),
    participant: "by" in data ? data.by : null,
    ...("by" in data ? receiverOf(data) : { phoneNumber: null, lid: null, messageStatus: "failed" as const }),
    timestamp: "timestamp" in data ? data.timestamp : Math.floor(Date.parse(event.at) / 1000),
    error: "code" in data ? { code: data.code, details: data.details } : null,
  };
}
