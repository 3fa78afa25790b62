import { parseEvent, type WebhookEvent } from "../../core/webhook/body/event.ts";

export const instanceId = "0198c5a0-0000-7000-8000-000000000001";
const eventId = "0198c5a0-0000-7000-8000-000000000002";
export const contact = "79001234567@s.whatsapp.net";
export const group = "120363000000000001@g.us";

/** An event as the webhook worker parses it from the queue. */
export function event(type: WebhookEvent["type"], data: object, at = "2023-01-01T12:00:00.000Z"): WebhookEvent {
  return parseEvent(JSON.stringify({ v: 1, id: eventId, instanceId, seq: 7, type, data, correlationId: null, at }));
}

export const content = {
  messageId: "whatsapp_message_id",
  chatId: contact,
  type: "text",
  protoType: "conversation",
  body: "Hi! How are you?",
  timestamp: 1672531200,
  media: null,
};
export const incoming = { ...content, senderId: contact, senderLid: null, pushName: "Ivan", isGroup: false, to: null };
const poster = { senderId: contact, senderLid: null, pushName: "Ivan", to: null };
const image = {
  type: "image",
  protoType: "imageMessage",
  media: { mimetype: "image/jpeg", filename: null, size: 1234, sha256: "ab", storageKey: "media/x/y" },
};
const file = { messageId: "whatsapp_message_id", chatId: contact };
const receipt = {
  messageId: "whatsapp_message_id",
  chatId: contact,
  by: contact,
  byLid: "123456@lid",
  timestamp: 1672531200,
  messageStatus: "read",
};
const answer = {
  messageId: "whatsapp_message_id",
  chatId: group,
  by: contact,
  byLid: "123456@lid",
  pushName: "Ivan",
  fromMe: false,
  timestamp: 1672531200,
};

const ofUs = { author: { id: "6289876543210@s.whatsapp.net", lid: null, fromMe: true }, known: true };

export const inGroup = { groupId: group, by: { id: contact, lid: "123456@lid" }, fromMe: false, timestamp: 1672531200 };
export const call = { callId: "ABCDEF", from: contact, lid: "123456@lid", timestamp: 1672531200 };

const imported = { messages: 1200, chats: 30, contacts: 80, failedParts: 0 };

export const calendarEvent = {
  type: "event",
  protoType: "eventMessage",
  event: {
    type: "birthday",
    description: "",
    location: "My House",
    startTime: "2025-12-25T18:00:00.000Z",
    endTime: null,
    canceled: false,
    extraGuestsAllowed: true,
  },
};

export const events = {
  received: event("message.received", incoming),
  image: event("message.received", { ...incoming, ...image, body: "Look" }),
  inGroup: event("message.received", { ...incoming, chatId: group, isGroup: true, senderLid: "123456@lid" }),
  posted: event("status.received", { ...content, chatId: "status@broadcast", ...poster }),
  sent: event("message.sent", { ...content, body: "Hi! I'm doing well.", source: "api" }, "2023-01-01T12:01:00.000Z"),
  delivered: event("message.delivered", receipt, "2023-01-01T12:02:00.000Z"),
  read: event("message.read", receipt),
  played: event("message.played", receipt),
  stored: event("media.stored", { ...file, fromMe: false, media: image.media }),
  storedOfStatus: event("media.stored", { ...file, chatId: "status@broadcast", fromMe: true, media: image.media }),
  lost: event("media.failed", { ...file, fromMe: false, error: "gone" }),
  poll: event("message.received", {
    ...incoming,
    type: "poll",
    protoType: "pollCreationMessageV3",
    poll: { options: ["Red", "Blue"], selectableCount: 1 },
  }),
  event: event("message.sent", { ...content, ...calendarEvent, source: "phone" }),
  failed: event("message.failed", { messageId: "m", chatId: contact, code: "command_expired", details: null }),
  unreadable: event("message.unreadable", {
    ...{ messageId: "m", chatId: group, senderId: contact, senderLid: "123456@lid", pushName: "Ivan", isGroup: true },
    ...{ fromMe: false, timestamp: 1672531200, reason: "view_once", requested: false },
  }),
  edited: event("message.edited", { ...answer, ...ofUs, body: "Hello" }),
  deleted: event("message.deleted", { ...answer, ...ofUs }),
  reacted: event("message.reaction", { ...answer, ...ofUs, emoji: "👍", removed: false, reactionId: "3EB0" }),
  pinned: event("message.pinned", { ...answer, ...ofUs, pinned: false, duration: null, expiresAt: null }),
  kept: event("message.kept", { ...answer, ...ofUs, fromMe: true, kept: true }),
  statusReaction: event("message.reaction", {
    ...{ ...answer, ...ofUs, chatId: "status@broadcast", emoji: "👍", removed: false, reactionId: "3EB0" },
  }),
  statusDeleted: event("message.deleted", { ...answer, chatId: "status@broadcast" }),
  responded: event("message.response", { ...answer, known: false, readable: false, kind: "vote" }),
  voted: event("poll.voted", { ...answer, question: "Which?", options: ["Red"] }),
  votedByUs: event("poll.voted", { ...answer, fromMe: true, question: "Which?", options: [] }),
  answered: event("event.answered", { ...answer, name: "Party", answer: "notGoing", guests: 0 }),
  open: event("connection.open", { phoneNumber: "6289876543210", lid: null, pushName: null }),
  close: event("connection.close", { reason: "logout", willReconnect: false }, "2023-01-01T18:00:00.000Z"),
  update: event("connection.update", { status: "connecting", reason: null }),
  problem: event("connection.problem", {
    reason: "temporarily_banned",
    details: "WhatsApp banned the account",
    until: "2023-01-02T18:00:00.000Z",
    guide: "docs/guides/linking.md#temporarily_banned",
  }),
  settings: event("instance.updated", { changed: ["pace"] }),
  disabled: event("webhook.disabled", { url: "https://a.test", failingSince: "2023-01-01T12:00:00.000Z", failures: 9 }),
  join: event("group.join", { ...inGroup, subject: "My Group", size: 3, reason: "added" }),
  leave: event("group.leave", { ...inGroup, reason: "removed" }),
  groupUpdate: event("group.update", { ...inGroup, changes: { subject: "New", description: null, ephemeral: 86_400 } }),
  participants: event("group.participants.update", { ...inGroup, action: "promote", participants: [inGroup.by] }),
  chatUpdate: event("chat.update", {
    ...{ chatId: contact, by: inGroup.by, fromMe: false, timestamp: 1672531200, changes: { ephemeral: 86_400 } },
  }),
  historyProgress: event("history.progress", { phase: "recent", percent: 40, error: null, ...imported }),
  historyCompleted: event("history.completed", { reason: "finished", ...imported }),
  called: event("call.received", {
    ...{ ...call, creator: "123456@lid", isVideo: true, isGroup: false, groupId: null, missed: false },
  }),
  rejected: event("call.rejected", { ...call, by: "phone" }),
  ended: event("call.ended", { ...call, reason: "missed" }),
  qr: event("connection.qr", { sealedQr: "c2VhbGVk", expiresAt: "2023-01-01T12:00:20.000Z" }),
};

/** The examples of the Multi-Instance API document, word for word except for the ids and the QR code. */
export const documented = {
  received: {
    event: "message_received",
    data: {
      instanceId,
      messageId: "whatsapp_message_id",
      from: "79001234567@s.whatsapp.net",
      body: "Hi! How are you?",
      type: "conversation",
      timestamp: 1672531200,
      hasMedia: false,
      pushName: "Ivan",
    },
    timestamp: "2023-01-01T12:00:00.000Z",
  },
  sent: {
    event: "message_sent",
    data: {
      instanceId,
      messageId: "whatsapp_message_id",
      to: "79001234567@s.whatsapp.net",
      body: "Hi! I'm doing well.",
      type: "text",
      timestamp: 1672531200,
      hasMedia: false,
    },
    timestamp: "2023-01-01T12:01:00.000Z",
  },
  delivered: {
    event: "message_status",
    data: {
      instanceId,
      messageId: "whatsapp_message_id",
      status: "delivered",
      from: "79001234567@s.whatsapp.net",
      fromMe: true,
    },
    timestamp: "2023-01-01T12:02:00.000Z",
  },
  open: { event: "connection_opened", data: { instanceId }, timestamp: "2023-01-01T12:00:00.000Z" },
  close: {
    event: "connection_closed",
    data: { instanceId, reason: "logout", willReconnect: false },
    timestamp: "2023-01-01T18:00:00.000Z",
  },
  qr: {
    event: "qr_received",
    data: { instanceId, qrCode: "opened c2VhbGVk" },
    timestamp: "2023-01-01T12:00:00.000Z",
  },
} as const;
