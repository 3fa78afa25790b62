import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { eventsAbout } from "../../support/gateway/instance-state.ts";
import {
  type Body,
  type LinkedGateway,
  messageAt,
  rejectionOf,
  startLinkedGateway,
} from "../../support/gateway/linked-gateway.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let gate: LinkedGateway["gate"];
let files: LinkedGateway["files"];
let owner: Phone;
let bob: Phone;
let carol: Phone;
let group: LinkedGateway["group"];
let instance: string;

beforeAll(async () => {
  linked = await startLinkedGateway("multi-instance");
  ({ gate, files, owner, bob, carol, group, instance } = linked);
});
afterAll(() => linked?.stop());

const ask = (method: string, path: string, body?: Body) =>
  gate.api(method, `/api/whatsapp/${instance}/${path}`, body === undefined ? {} : { body });

async function send(to: string, message: string, more: Body = {}): Promise<string> {
  const { status, body } = await ask("POST", "send", { phone: to, message, ...more });
  if (status !== 200) throw new Error(`rejected: ${status} ${JSON.stringify(body)}`);
  return body.id;
}

/** Waits until the history of a chat has a matching message, and returns it. */
const inHistory = (chat: string, id: string, fits: (message: Body) => boolean = () => true) =>
  until(async () => {
    const { body } = await gate.api("GET", `/api/instances/${instance}/chats/${chat}/messages`);
    return (body.messages as Body[]).find((message) => message.messageId === id && fits(message));
  });

const events = (id: string, type?: string) => eventsAbout(gate, instance, id, type);

/** Resolves when all earlier messages are processed: an instance processes its messages in order. */
async function settled(): Promise<void> {
  const { id } = await bob.sendText(owner.number, "marker");
  await inHistory(bob.number, id);
}

describe("quotes and mentions", () => {
  test("a sent text has its quote and mentions, whether it quotes a received or a sent message", async () => {
    const { id: theirs } = await bob.sendText(owner.number, "shall we?");
    await inHistory(bob.number, theirs);
    const answer = await send(bob.number, "yes, with @4915550000003", {
      quotedMessageId: theirs,
      mentions: [`+${carol.number}`],
    });
    expect(await messageAt(bob, answer)).toMatchObject({
      text: "yes, with @4915550000003",
      quotes: { id: theirs, from: bob.lidJid, text: "shall we?" },
      mentions: [carol.jid],
    });
    expect(await inHistory(bob.number, answer)).toMatchObject({ quotedMessageId: theirs, mentions: [carol.jid] });
    await until(async () => (await events(answer, "message.sent"))[0]);
    expect(await events(answer, "message.sent")).toMatchObject([
      { quoted: { messageId: theirs, senderId: bob.jid, body: "shall we?" }, mentions: [carol.jid] },
    ]);
    const again = await send(bob.number, "as I said", { quotedMessageId: answer });
    expect((await messageAt(bob, again)).quotes).toMatchObject({ id: answer, text: "yes, with @4915550000003" });
  });

  test("a quote in a group names the author of the quoted message", async () => {
    const { id } = await carol.sendText(group.jid, "who comes?");
    await inHistory(group.jid, id);
    const answer = await send(group.jid, "me", { quotedMessageId: id });
    expect((await messageAt(bob, answer)).quotes).toEqual({ id, from: carol.lidJid, text: "who comes?" });
  });

  test("a received quote names the author of the quoted message by phone number", async () => {
    const ours = await send(bob.number, "a question");
    const quote = await messageAt(bob, ours);
    const { id } = await bob.sendText(owner.number, "an answer for @x", { quote, mentions: [owner.lidJid, carol.jid] });
    expect(await inHistory(bob.number, id)).toMatchObject({ quotedMessageId: ours });
    expect((await events(id))[0]).toMatchObject({
      quoted: { messageId: ours, senderId: owner.jid, body: "a question" },
      mentions: [owner.lidJid, carol.jid].map((jid) => expect.stringMatching(`${jid}|${owner.jid}`)),
    });
  });

  test("a quote of an unknown message, or of a message in another chat, gets 404", async () => {
    const { id } = await carol.sendText(group.jid, "only in the group");
    await inHistory(group.jid, id);
    for (const quotedMessageId of ["3EB0UNKNOWN", id]) {
      const answer = await ask("POST", "send", { phone: bob.number, message: "?", quotedMessageId });
      expect(rejectionOf(answer)).toEqual([404, "message_not_found"]);
    }
  });
});

describe("an edit of a sent message", () => {
  test("an edit changes the text on the recipient's phone and in the history, and causes one event", async () => {
    const id = await send(bob.number, "teh text");
    const arrived = await messageAt(bob, id);
    const answer = await ask("PUT", `messages/${id}`, { message: "the text" });
    expect([answer.status, answer.body]).toEqual([200, { success: true }]);
    await until(async () => arrived.edited || undefined);
    expect(arrived).toMatchObject({ text: "the text", copies: 1 });
    expect(await messageAt(owner, id)).toMatchObject({ text: "the text", edited: true });
    expect(await inHistory(bob.number, id)).toMatchObject({ content: "the text", editedAt: expect.any(String) });
    expect(await events(id, "message.edited")).toMatchObject([
      { chatId: bob.jid, body: "the text", by: owner.jid, fromMe: true },
    ]);
  });

  test("an edit changes a caption and keeps the file; a later quote of the file has the new caption", async () => {
    const { body } = await ask("POST", "send-media", { phone: bob.number, url: files.url("/a.png"), caption: "befor" });
    const arrived = await messageAt(bob, body.id);
    expect((await ask("PUT", `messages/${body.id}`, { message: "before" })).status).toBe(200);
    await until(async () => arrived.edited || undefined);
    expect(arrived).toMatchObject({ kind: "image", text: "before" });
    const edit = await bob.waitFor(({ kind, refersTo }) => kind === "edit" && refersTo === body.id);
    const image = edit.message.protocolMessage?.editedMessage?.imageMessage;
    expect(Buffer.from(image?.mediaKey ?? []).equals(Buffer.from(arrived.media?.mediaKey ?? []))).toBe(true);
    const quoting = await ask("POST", "send-media", {
      phone: bob.number,
      url: files.url("/a.png"),
      quotedMessageId: body.id,
      mentions: [bob.number],
    });
    expect(await messageAt(bob, quoting.body.id)).toMatchObject({
      kind: "image",
      quotes: { id: body.id, from: owner.lidJid, text: "before" },
      mentions: [bob.jid],
    });
    await until(async () => (await events(quoting.body.id, "message.sent"))[0]);
    expect(await events(quoting.body.id, "message.sent")).toMatchObject([
      { quoted: { messageId: body.id, senderId: owner.jid, body: "before" }, mentions: [bob.jid] },
    ]);
  });

  test("an edit reaches a phone that failed to decrypt it at first", async () => {
    const id = await send(bob.number, "before");
    const arrived = await messageAt(bob, id);
    gate.wa.device(owner.number).faults.corruptOut.add(true);
    expect((await ask("PUT", `messages/${id}`, { message: "after" })).status).toBe(200);
    await until(async () => arrived.edited || undefined);
    expect(arrived.text).toBe("after");
  });

  test("an edit is rejected if it is too late, or if the message is another sender's or has no text", async () => {
    const id = await send(bob.number, "old");
    await messageAt(bob, id);
    await inHistory(bob.number, id, ({ status }) => status !== "pending");
    await gate.db.sql`update messages set sent_at = now() - interval '16 minutes' where wa_id = ${id} and from_me`;
    expect(rejectionOf(await ask("PUT", `messages/${id}`, { message: "new" }))).toEqual([409, "too_late"]);
    const { id: theirs } = await bob.sendText(owner.number, "mine");
    await inHistory(bob.number, theirs);
    expect(rejectionOf(await ask("PUT", `messages/${theirs}`, { message: "x" }))).toEqual([403, "forbidden"]);
    const audio = await ask("POST", "send-media", { phone: bob.number, url: files.url("/a.ogg") });
    await messageAt(bob, audio.body.id);
    expect(rejectionOf(await ask("PUT", `messages/${audio.body.id}`, { message: "x" }))).toEqual([
      501,
      "not_supported",
    ]);
    expect((await messageAt(bob, id)).text).toBe("old");
  });

  test("an edit that WhatsApp rejects gets 502 and leaves the history unchanged", async () => {
    const id = await send(bob.number, "stays");
    await messageAt(bob, id);
    gate.wa.device(owner.number).faults.ack.add(479, 2);
    expect(rejectionOf(await ask("PUT", `messages/${id}`, { message: "goes" }))).toEqual([502, "whatsapp_error"]);
    expect(await inHistory(bob.number, id)).toMatchObject({ content: "stays", editedAt: null });
  });
});

describe("a deletion over the API", () => {
  test("a deletion removes the message for everyone and marks it in the history", async () => {
    const id = await send(bob.number, "oops");
    const arrived = await messageAt(bob, id);
    expect((await ask("DELETE", `messages/${id}`)).body).toEqual({ success: true });
    await until(async () => arrived.deleted || undefined);
    expect(await inHistory(bob.number, id)).toMatchObject({ deleted: true, content: "oops" });
    expect(await events(id, "message.deleted")).toMatchObject([{ chatId: bob.jid, by: owner.jid, fromMe: true }]);
    expect(rejectionOf(await ask("DELETE", `messages/${id}`))).toEqual([404, "message_not_found"]);
    expect(rejectionOf(await ask("PUT", `messages/${id}`, { message: "x" }))).toEqual([404, "message_not_found"]);
  });

  test("only a group admin deletes another sender's message, and only in a group", async () => {
    const { id: direct } = await bob.sendText(owner.number, "not yours");
    await inHistory(bob.number, direct);
    expect(rejectionOf(await ask("DELETE", `messages/${direct}`))).toEqual([403, "forbidden"]);
    const sent = await carol.sendText(group.jid, "spam");
    await inHistory(group.jid, sent.id);
    expect(rejectionOf(await ask("DELETE", `messages/${sent.id}`))).toEqual([403, "forbidden"]);
    expect(sent.deleted).toBe(false);
    group.members.set(owner.account, "admin");
    expect((await ask("DELETE", `messages/${sent.id}`)).status).toBe(200);
    await until(async () => ((await messageAt(bob, sent.id)).deleted && sent.deleted) || undefined);
    expect(await events(sent.id, "message.deleted")).toMatchObject([{ chatId: group.jid, by: owner.jid }]);
    group.members.set(owner.account, "member");
  });

  test("a deletion by an ambiguous message id gets 400, and is accepted with the chat's number", async () => {
    const id = "3EB0CAFECAFECAFECAFE";
    await bob.sendText(owner.number, "bob's", { id });
    await carol.sendText(owner.number, "carol's", { id });
    await Promise.all([inHistory(bob.number, id), inHistory(carol.number, id)]);
    expect(rejectionOf(await ask("POST", `messages/${id}/reaction`, { reaction: "👍" }))).toEqual([
      400,
      "invalid_request",
    ]);
    const answer = await ask("POST", `messages/${id}/reaction`, { reaction: "👍", phone: carol.number });
    await messageAt(carol, answer.body.id);
    expect(carol.sent.get(id)?.reactions).toHaveLength(1);
    expect(bob.sent.get(id)?.reactions).toEqual([]);
  });
});

test("a reaction appears at the message, on the phone and in the history, and can be removed", async () => {
  const sent = await bob.sendText(owner.number, "good news");
  await inHistory(bob.number, sent.id);
  const { body } = await ask("POST", `messages/${sent.id}/reaction`, { reaction: "🎉" });
  await until(async () => sent.reactions[0]);
  expect(sent.reactions).toEqual([{ from: owner.jid, emoji: "🎉" }]);
  expect(await inHistory(bob.number, sent.id)).toMatchObject({ reactions: [{ emoji: "🎉", fromMe: true }] });
  expect(await events(sent.id, "message.reaction")).toMatchObject([
    { emoji: "🎉", removed: false, fromMe: true, by: owner.jid, reactionId: body.id, author: { id: bob.jid } },
  ]);
  expect(await events(body.id)).toEqual([]);
  const inGroup = await carol.sendText(group.jid, "for all");
  await inHistory(group.jid, inGroup.id);
  await ask("POST", `messages/${inGroup.id}/reaction`, { reaction: "❤️" });
  await until(async () => inGroup.reactions[0] && (await messageAt(bob, inGroup.id)).reactions[0]);
  expect((await ask("POST", `messages/${sent.id}/reaction`, { reaction: "" })).status).toBe(200);
  await until(async () => sent.reactions.length === 0 || undefined);
  expect(await inHistory(bob.number, sent.id)).toMatchObject({ reactions: [] });
});

test("the recipient sees the typing state, in direct chats and in groups", async () => {
  for (const state of ["composing", "recording", "paused"]) {
    expect((await ask("POST", "typing", { phone: bob.number, state })).body).toEqual({ success: true });
  }
  expect((await ask("POST", "typing", { phone: group.jid, state: "composing" })).status).toBe(200);
  await until(async () => (bob.typing.length === 4 ? true : undefined));
  expect(bob.typing).toMatchObject([
    { chat: owner.jid, from: owner.jid, state: "composing" },
    { chat: owner.jid, state: "recording" },
    { chat: owner.jid, state: "paused" },
    { chat: group.jid, from: owner.jid, state: "composing" },
  ]);
});

test("a read request marks the named messages, or all unread messages of a chat, as read", async () => {
  const first = await carol.sendText(owner.number, "one");
  const rest = [await carol.sendText(owner.number, "two"), await carol.sendText(owner.number, "three")];
  const inGroup = await carol.sendText(group.jid, "four");
  for (const { id } of [first, ...rest]) await inHistory(carol.number, id);
  await inHistory(group.jid, inGroup.id);
  const named = await ask("POST", "read", { messageIds: [first.id, inGroup.id] });
  expect(named.body).toEqual({ success: true, messages: 2 });
  for (const { id } of [first, inGroup]) await carol.waitForStatus(id, "read");
  expect(rest.map(({ status }) => status)).toEqual(["delivered", "delivered"]);
  const { body } = await ask("POST", "read", { phone: carol.number });
  expect(body.messages).toBeGreaterThanOrEqual(2);
  for (const { id } of rest) await carol.waitForStatus(id, "read");
  expect((await ask("POST", "read", { phone: carol.number })).body.messages).toBe(0);
});

describe("edits and deletions on other phones", () => {
  test("a repeated edit or deletion changes the history and causes an event only once", async () => {
    const sent = await bob.sendText(owner.number, "first");
    await inHistory(bob.number, sent.id);
    const edit = await bob.edit(sent, "second");
    expect(await inHistory(bob.number, sent.id, ({ content }) => content === "second")).toMatchObject({
      deleted: false,
    });
    const device = gate.wa.device(owner.number);
    await bob.sender.resend(edit, device, 1, "lid");
    const revoke = await bob.revoke(sent);
    await bob.sender.resend(revoke, device, 1, "lid");
    expect(await inHistory(bob.number, sent.id, ({ deleted }) => deleted === true)).toMatchObject({
      content: "second",
    });
    await bob.edit(sent, "third");
    await settled();
    expect(await events(sent.id)).toMatchObject([
      { body: "first" },
      { body: "second", by: bob.jid, fromMe: false, chatId: bob.jid },
      { by: bob.jid, fromMe: false, chatId: bob.jid },
    ]);
    expect(await inHistory(bob.number, sent.id)).toMatchObject({ content: "second" });
  });

  test("an edit or deletion on the owner's phone is recorded as the owner's", async () => {
    const byHand = await owner.sendText(bob.number, "by hand");
    await inHistory(bob.number, byHand.id);
    await owner.edit(byHand, "by foot");
    await inHistory(bob.number, byHand.id, ({ content }) => content === "by foot");
    const ours = await send(bob.number, "by the API");
    await owner.revoke(await messageAt(owner, ours));
    await inHistory(bob.number, ours, ({ deleted }) => deleted === true);
    expect(await events(byHand.id, "message.edited")).toMatchObject([{ by: owner.jid, fromMe: true }]);
    expect(await events(ours, "message.deleted")).toMatchObject([{ by: owner.jid, fromMe: true }]);
  });

  test("an edit or deletion of another sender's message is ignored, except an admin's deletion in a group", async () => {
    const ours = await send(group.jid, "ours");
    const sent = await carol.sendText(group.jid, "carol's");
    await inHistory(group.jid, sent.id);
    const asBob = async (id: string, participant?: string) => {
      const key = { remoteJid: group.jid, id, fromMe: participant === undefined, ...(participant && { participant }) };
      const edited = { key, type: 14, editedMessage: { conversation: "forged" } };
      await bob.sendMessage(group.jid, { protocolMessage: edited }, { edit: "1" });
    };
    for (const id of [sent.id, ours]) await asBob(id);
    await asBob(sent.id, carol.lidJid);
    await asBob(ours, owner.lidJid);
    const direct = await send(bob.number, "ours alone");
    await messageAt(bob, direct);
    await bob.sendMessage(owner.number, { protocolMessage: { key: { id: direct, fromMe: false }, type: 0 } });
    // Carol is not an admin. Bob is, because he created the group.
    await carol.revoke(await messageAt(carol, ours));
    await settled();
    expect(await inHistory(group.jid, sent.id)).toMatchObject({ content: "carol's", deleted: false });
    expect(await inHistory(group.jid, ours)).toMatchObject({ content: "ours", deleted: false });
    expect(await inHistory(bob.number, direct)).toMatchObject({ deleted: false });
    await bob.revoke(await messageAt(bob, sent.id));
    await bob.revoke(await messageAt(bob, ours));
    for (const id of [sent.id, ours]) {
      await inHistory(group.jid, id, ({ deleted }) => deleted === true);
      expect(await events(id, "message.deleted")).toMatchObject([{ by: bob.jid, fromMe: false, chatId: group.jid }]);
    }
  });
});

describe("requests of every action", () => {
  const actions: [string, string, Body | undefined][] = [
    ["DELETE", "messages/3EB0UNKNOWN", undefined],
    ["PUT", "messages/3EB0UNKNOWN", { message: "x" }],
    ["POST", "messages/3EB0UNKNOWN/reaction", { reaction: "👍" }],
    ["POST", "typing", { phone: "4915550000002", state: "composing" }],
    ["POST", "read", { messageIds: ["3EB0UNKNOWN"] }],
  ];
  let strangersKey: string;
  let unlinked: string;
  beforeAll(async () => {
    const made = await gate.api("POST", "/api/auth/generate-key", { key: null, body: { name: "stranger" } });
    strangersKey = made.body.data.apiKey;
    unlinked = await gate.createInstance();
  });

  test.each(actions)(
    "%s %s gets 401 without credentials, 403 for another user, and 409 while the instance is not connected",
    async (...row) => {
      const [method, path, body] = row;
      const options = body === undefined ? {} : { body };
      const url = `/api/whatsapp/${instance}/${path}`;
      expect(rejectionOf(await gate.api(method, url, { ...options, key: null }))).toEqual([401, "missing_credentials"]);
      expect(rejectionOf(await gate.api(method, url, { ...options, key: strangersKey }))).toEqual([403, "forbidden"]);
      const away = await gate.api(method, `/api/whatsapp/${unlinked}/${path}`, options);
      expect(rejectionOf(away)).toEqual([409, "instance_not_connected"]);
    },
  );

  test.each(actions.filter(([, path]) => path !== "typing"))(
    "%s %s gets 404 for an unknown message",
    async (...row) => {
      expect(rejectionOf(await ask(...row))).toEqual([404, "message_not_found"]);
    },
  );

  const tooMany = new Array(101).fill("4915550000003");
  test.each<[string, string, Body]>([
    ["PUT", "messages/X", { message: "" }],
    ["PUT", "messages/X", {}],
    ["POST", "messages/X/reaction", { reaction: "two words" }],
    ["POST", "messages/X/reaction", { reaction: "👍👎" }],
    ["POST", "messages/a b/reaction", { reaction: "👍" }],
    ["POST", "typing", { phone: "4915550000002", state: "sleeping" }],
    ["POST", "typing", { phone: "somebody", state: "paused" }],
    ["POST", "read", {}],
    ["POST", "read", { messageIds: [] }],
    ["POST", "send", { phone: "4915550000002", message: "x", mentions: ["120363000000000000@g.us"] }],
    ["POST", "send", { phone: "4915550000002", message: "x", mentions: tooMany }],
  ])("rejects an invalid request with 400: %s %s", async (method, path, body) => {
    expect(rejectionOf(await ask(method, path, body))).toEqual([400, "invalid_request"]);
  });
});

test("an action that is in progress when the connection ends takes effect once, and not again after a restart", async () => {
  const [edited, deleted] = [await send(bob.number, "draft"), await send(bob.number, "to be gone")];
  await Promise.all([messageAt(bob, edited), messageAt(bob, deleted)]);
  const before = bob.inbox.messages.length;
  // The stanzas are written to the socket but lost with the connection.
  gate.wa
    .device(owner.number)
    .faults.silence(60_000, "cut")
    .catch(() => undefined);
  const requests = [ask("PUT", `messages/${edited}`, { message: "final" }), ask("DELETE", `messages/${deleted}`)];
  await until(async () => {
    const [row] = await gate.db.sql<{ n: number }[]>`
      select count(*)::int as n from commands where instance_id = ${instance} and status = 'claimed'`;
    return row?.n === 2 || undefined;
  });
  await gate.api("POST", `/api/instances/${instance}/reconnect`);
  expect((await Promise.all(requests)).map(({ body }) => body)).toEqual([{ success: true }, { success: true }]);
  await gate.restart();
  await gate.status(instance, "connected");
  await settled();
  await inHistory(bob.number, edited, ({ content }) => content === "final");
  await inHistory(bob.number, deleted, ({ deleted: gone }) => gone === true);
  expect(await messageAt(bob, edited)).toMatchObject({ text: "final", edited: true });
  expect(await messageAt(bob, deleted)).toMatchObject({ deleted: true });
  const seen = bob.inbox.messages.slice(before).map(({ kind, copies }) => `${kind} ${copies}`);
  expect(seen.sort()).toEqual(["edit 1", "revoke 1"]);
  expect(await events(edited, "message.edited")).toHaveLength(1);
  expect(await events(deleted, "message.deleted")).toHaveLength(1);
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
