import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import * as z from "zod";
import { pauseAfter } from "../../core/backoff.ts";
import { shownContext } from "../../core/message/context-fields.ts";
import type { BodyContext } from "../../core/webhook/body/context.ts";
import type { WebhookEvent } from "../../core/webhook/body/event.ts";
import { gatewayBodies } from "../../core/webhook/body/gateway.ts";
import { webhookBody } from "../../core/webhook/body/index.ts";
import { multiInstanceBodies } from "../../core/webhook/body/multi-instance.ts";
import { signatureHeaders } from "../../core/webhook/delivery/sign.ts";
import { noReferral } from "../support/message/context-cases.ts";
import {
  calendarEvent,
  call,
  contact,
  content,
  documented,
  event,
  events,
  group,
  incoming,
  inGroup,
  instanceId,
} from "./events.ts";

function contextOf(changes: Partial<BodyContext> = {}): BodyContext {
  return {
    dialect: "multi-instance",
    ownJid: "6289876543210@s.whatsapp.net",
    notifyReceived: true,
    notifySent: true,
    notifyDelivery: true,
    notifyRead: true,
    openQr: (sealed) => `opened ${sealed}`,
    ...changes,
  };
}

const link = { url: "https://bucket.example.com/media?X-Amz-Signature=ab", urlExpiresAt: "2023-01-01T18:00:00.000Z" };
const linkOf = (one: WebhookEvent) => ("media" in one.data && one.data.media ? link : null);

const bodyOf = (one: WebhookEvent, changes: Partial<BodyContext> = {}) => {
  const text = webhookBody(one, contextOf(changes), linkOf(one));
  return text === null ? null : JSON.parse(text);
};
const gateway = { dialect: "gateway" } as const;

test.each(Object.keys(documented) as (keyof typeof documented)[])(
  "multi-instance, %s: the documented fields come first, in the documented order, with the documented values",
  (name) => {
    const expected = documented[name];
    const body = bodyOf(events[name]);
    expect(body).toMatchObject(expected);
    expect(Object.keys(body).slice(0, 3)).toEqual(Object.keys(expected));
    const dataFields = Object.keys(expected.data);
    expect(Object.keys(body.data).slice(0, dataFields.length)).toEqual(dataFields);
  },
);

test("gateway: the documented payload comes first, in the documented order, with the documented values", () => {
  const one = event(
    "message.received",
    {
      ...incoming,
      messageId: "message-id-here",
      senderId: "6281234567890@s.whatsapp.net",
      body: "Hello!",
      protoType: "extendedTextMessage",
    },
    "2025-11-07T08:00:00.000Z",
  );
  const expected = {
    event: "message.received",
    instanceId,
    timestamp: "2025-11-07T08:00:00.000Z",
    data: {
      from: "6281234567890@s.whatsapp.net",
      to: "6289876543210@s.whatsapp.net",
      message: { conversation: "Hello!" },
      messageId: "message-id-here",
    },
  };
  const body = bodyOf(one, gateway);
  expect(body).toMatchObject(expected);
  expect(Object.keys(body).slice(0, 4)).toEqual(Object.keys(expected));
  expect(Object.keys(body.data).slice(0, 4)).toEqual(Object.keys(expected.data));
  expect(body.data.message).toEqual(expected.data.message);
  // The auto-reply example in the document reads the instance id from here.
  expect(body.data.instanceId).toBe(instanceId);
});

test("`from` is the chat to reply to, and `participant` is the author of a group message", () => {
  for (const dialect of ["multi-instance", "gateway"] as const) {
    const { data } = bodyOf(events.inGroup, { dialect });
    expect(data).toMatchObject({
      from: group,
      participant: contact,
      isGroup: true,
      phoneNumber: "79001234567",
      lid: "123456@lid",
    });
  }
});

test("a file has its metadata and a temporary link but not its storage key", () => {
  const own = { mimetype: "image/jpeg", filename: null, size: 1234, sha256: "ab", ...link };
  expect(bodyOf(events.image).data).toMatchObject({ hasMedia: true, type: "imageMessage", body: "Look", media: own });
  expect(bodyOf(events.image, gateway).data).toMatchObject({
    message: { imageMessage: { caption: "Look", mimetype: "image/jpeg", fileLength: 1234 } },
    media: own,
  });
  expect(JSON.stringify([bodyOf(events.image), bodyOf(events.image, gateway)])).not.toContain("media/x/y");
});

test("a message has its quoted message and its mentions", () => {
  const quoted = { messageId: "3EB0", senderId: contact, body: "How are you?" };
  const one = event("message.received", { ...incoming, quoted, mentions: [contact] });
  expect(bodyOf(one).data).toMatchObject({
    quotedMessage: { messageId: "3EB0", participant: contact, body: "How are you?" },
    mentions: [contact],
  });
  expect(bodyOf(events.sent).data).toMatchObject({ quotedMessage: null, mentions: [] });
});

test("a poll has its options, and a calendar event its time and place", () => {
  expect(bodyOf(events.poll).data.poll).toEqual({ options: ["Red", "Blue"], selectableCount: 1 });
  expect(bodyOf(events.poll, gateway).data.message).toEqual({
    pollCreationMessageV3: { caption: content.body, options: ["Red", "Blue"], selectableCount: 1 },
  });
  expect(bodyOf(events.event).data.event).toEqual(calendarEvent.event);
  const { location, startTime, extraGuestsAllowed } = calendarEvent.event;
  expect(bodyOf(events.event, gateway).data.message).toEqual({
    eventMessage: { caption: content.body, location, startTime, isCanceled: false, extraGuestsAllowed },
  });
});

test("gateway: the context of a message is where a client of Baileys looks for it", () => {
  const referral = {
    ...noReferral,
    isAd: true,
    ctwaClid: "ARAk",
    title: "Shoes",
    mediaType: "image",
    thumbnail: "aGk=",
  };
  const forwarded = { score: 2, many: false, channel: null };
  const context = { ...shownContext({}), ephemeral: 86_400, mentionsAll: true, forwarded, referral };
  const quoted = { messageId: "3EB0", senderId: contact, body: "look", chatId: "status@broadcast", type: "image" };
  const parts = { quoted, mentions: [contact], context };
  const contextInfo = {
    ...{ stanzaId: "3EB0", participant: contact, remoteJid: "status@broadcast", mentionedJid: [contact] },
    ...{ quotedMessage: { imageMessage: { caption: "look" } }, nonJidMentions: 1, expiration: 86_400 },
    ...{ isForwarded: true, forwardingScore: 2 },
    externalAdReply: { ctwaClid: "ARAk", title: "Shoes", mediaType: 1, showAdAttribution: true },
  };
  const received = event("message.received", { ...incoming, ...parts });
  expect(bodyOf(received, gateway).data.message).toEqual({
    conversation: incoming.body,
    extendedTextMessage: { text: incoming.body, contextInfo },
  });
  const picture = event("message.received", { ...incoming, ...parts, type: "image", protoType: "imageMessage" });
  expect(bodyOf(picture, gateway).data.message).toEqual({ imageMessage: { caption: incoming.body, contextInfo } });
});

test("every event has the name of its dialect, or no body if the dialect lacks the event", () => {
  const names = (changes: Partial<BodyContext>) =>
    Object.fromEntries(Object.entries(events).map(([name, one]) => [name, bodyOf(one, changes)?.event ?? null]));
  expect(names({})).toEqual({
    received: "message_received",
    image: "message_received",
    inGroup: "message_received",
    posted: "status_received",
    sent: "message_sent",
    delivered: "message_status",
    read: "message_status",
    played: "message_played",
    stored: "media_stored",
    storedOfStatus: null,
    lost: "media_failed",
    failed: "message_status",
    poll: "message_received",
    event: "message_sent",
    unreadable: "message_unreadable",
    edited: "message_edited",
    deleted: "message_deleted",
    reacted: "message_reaction",
    pinned: "message_pinned",
    kept: "message_kept",
    statusReaction: "message_reaction",
    statusDeleted: null,
    responded: "message_response",
    voted: "poll_voted",
    votedByUs: "poll_voted",
    answered: "event_answered",
    open: "connection_opened",
    close: "connection_closed",
    update: null,
    settings: "instance_updated",
    disabled: null,
    join: "group_joined",
    leave: "group_left",
    groupUpdate: "group_updated",
    participants: "group_participants_updated",
    chatUpdate: "chat_updated",
    historyProgress: "history_progress",
    historyCompleted: "history_completed",
    called: "call_received",
    rejected: "call_rejected",
    ended: "call_ended",
    problem: "connection_problem",
    qr: "qr_received",
  });
  expect(names(gateway)).toEqual({
    received: "message.received",
    image: "message.received",
    inGroup: "message.received",
    posted: "status.received",
    sent: "message.sent",
    delivered: "message.delivered",
    read: "message.read",
    played: "message.played",
    stored: "media.stored",
    storedOfStatus: "media.stored",
    lost: "media.failed",
    failed: "message.failed",
    poll: "message.received",
    event: "message.sent",
    unreadable: "message.unreadable",
    edited: "message.edited",
    deleted: "message.deleted",
    reacted: "message.reaction",
    pinned: "message.pinned",
    kept: "message.kept",
    statusReaction: "message.reaction",
    statusDeleted: "message.deleted",
    responded: "message.response",
    voted: "poll.voted",
    votedByUs: "poll.voted",
    answered: "event.answered",
    open: "connection.open",
    close: "connection.close",
    settings: "instance.updated",
    update: "connection.update",
    problem: "connection.problem",
    disabled: null,
    join: "group.join",
    leave: "group.leave",
    groupUpdate: "group.update",
    participants: "group.participants.update",
    chatUpdate: "chat.update",
    historyProgress: "history.progress",
    historyCompleted: "history.completed",
    called: "call.received",
    rejected: "call.rejected",
    ended: "call.ended",
    qr: null,
  });
});

test("a group event names its actor, and a call event has the caller's number in addition to the JID", () => {
  expect(bodyOf(events.participants, gateway)).toMatchObject({
    event: "group.participants.update",
    data: { ...inGroup, action: "promote", participants: [inGroup.by], instanceId },
  });
  const { data } = bodyOf(events.called, gateway);
  expect(data).toEqual({
    ...{ ...call, phoneNumber: "79001234567", instanceId },
    ...{ isVideo: true, isGroup: false, groupId: null, missed: false },
  });
});

test("a status post is a gateway event of its own with its author, and is silenced with received messages", () => {
  expect(bodyOf(events.posted, gateway)).toMatchObject({
    event: "status.received",
    data: { from: contact, chatId: "status@broadcast", isGroup: false, message: { conversation: "Hi! How are you?" } },
  });
  expect(bodyOf(events.posted, { ...gateway, notifyReceived: false })).toBeNull();
});

test("each notification setting disables exactly its own events", () => {
  const silenced = (changes: Partial<BodyContext>) =>
    Object.entries(events).flatMap(([name, one]) =>
      bodyOf(one, changes) === null && bodyOf(one) !== null ? [name] : [],
    );
  expect(silenced({ notifyReceived: false })).toEqual([
    "received",
    "image",
    "inGroup",
    "posted",
    "stored",
    "lost",
    "poll",
    "unreadable",
    "edited",
    "deleted",
    "reacted",
    "pinned",
    "statusReaction",
    "responded",
    "voted",
    "answered",
  ]);
  expect(silenced({ notifySent: false })).toEqual(["sent", "event", "failed", "kept", "votedByUs"]);
  expect(silenced({ notifyDelivery: false })).toEqual(["delivered"]);
  expect(silenced({ notifyRead: false })).toEqual(["read", "played"]);
});

test("the status event of a failed message has the reason", () => {
  expect(bodyOf(events.failed).data).toMatchObject({
    status: "failed",
    error: { code: "command_expired", details: null },
  });
});

test("every body matches its published schema without extra fields", () => {
  for (const one of Object.values(events)) {
    for (const [changes, schemas] of [
      [{}, multiInstanceBodies],
      [gateway, gatewayBodies],
    ] as const) {
      const body = bodyOf(one, changes);
      if (body !== null) expect(schemas[body.event]?.parse(body)).toEqual(body);
    }
  }
});

test("the body shapes equal the published shapes", async () => {
  const published = (schemas: Record<string, z.ZodType>) =>
    `${JSON.stringify(Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, z.toJSONSchema(schema)])), null, 2)}\n`;
  await expect(published(multiInstanceBodies)).toMatchFileSnapshot("../fixtures/webhook-multi-instance.json");
  await expect(published(gatewayBodies)).toMatchFileSnapshot("../fixtures/webhook-gateway.json");
});

test("a body survives JSON parsing and serialization unchanged for any text", () => {
  for (const text of [
    "a\u0000b",
    "\ud800 alone",
    "한국어 Привет 👩‍👩‍👧",
    "</script>\u2028\u2029",
    '{"__proto__":1}',
    "\\u0041",
  ]) {
    for (const dialect of ["multi-instance", "gateway"] as const) {
      const one = event("message.received", { ...incoming, body: text, pushName: text });
      const body = webhookBody(one, contextOf({ dialect }), null) ?? "";
      expect(JSON.stringify(JSON.parse(body))).toBe(body);
      expect(Buffer.from(body).toString("utf8")).toBe(body);
    }
  }
});

test("both signatures match the documented algorithms for every kind of secret", () => {
  const body = '{"a":1}';
  const at = new Date(1_700_000_000_999);
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text);
  const keys = { plain: "plain", whsec_c2VjcmV0: Buffer.from("secret"), "whsec_!": "whsec_!" };
  for (const [secret, key] of Object.entries(keys)) {
    const headers = signatureHeaders({ id: "id-1", at, body, secret });
    expect(headers).toEqual({
      "webhook-id": "id-1",
      "webhook-timestamp": "1700000000",
      "webhook-signature": `v1,${hmac(key, `id-1.1700000000.${body}`).digest("base64")}`,
      "x-webhook-signature": hmac(secret, body).digest("hex"),
    });
  }
  expect(Object.keys(signatureHeaders({ id: "id-1", at, body, secret: undefined }))).toEqual([
    "webhook-id",
    "webhook-timestamp",
  ]);
});

test("both secrets sign during a rotation, the new secret first", () => {
  const signed = { id: "id-1", at: new Date(1_700_000_000_000), body: "{}" };
  const [now, before] = ["new", "old"].map((secret) => signatureHeaders({ ...signed, secret }));
  expect(signatureHeaders({ ...signed, secret: "new", previousSecret: "old" })).toEqual({
    ...now,
    "webhook-signature": `${now?.["webhook-signature"]} ${before?.["webhook-signature"]}`,
    "x-webhook-signature-previous": before?.["x-webhook-signature"],
  });
});

/** Source of the vector: the tests of the libraries in github.com/standard-webhooks/standard-webhooks. */
test("the signature matches the test vector of Standard Webhooks", () => {
  const headers = signatureHeaders({
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    at: new Date(1_614_265_330_000),
    body: '{"test": 2432232314}',
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  });
  expect(headers).toMatchObject({ "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" });
});

test("retry pauses start at the interval, double up to an hour and vary by 20%", () => {
  const middle = () => 0.5;
  expect([1, 2, 3, 4].map((failed) => pauseAfter(failed, 60_000, middle))).toEqual([60_000, 120_000, 240_000, 480_000]);
  expect(pauseAfter(20, 60_000, middle)).toBe(3_600_000);
  expect(pauseAfter(1_000, 60_000, middle)).toBe(3_600_000);
  expect(pauseAfter(3, 7_200_000, middle)).toBe(7_200_000);
  expect([pauseAfter(1, 60_000, () => 0), pauseAfter(1, 60_000, () => 1)]).toEqual([48_000, 72_000]);
});
