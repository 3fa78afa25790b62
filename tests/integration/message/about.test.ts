import { afterAll, beforeAll, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { type AboutGateway, eachDialect, type Side, startAboutGateway } from "../../support/gateway/about.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { messageAt } from "../../support/gateway/linked-gateway.ts";

let world: AboutGateway;
let bob: Phone;
let carol: Phone;

beforeAll(async () => {
  world = await startAboutGateway();
  ({ bob, carol } = world);
});
afterAll(() => world?.stop());

/** The content of a message in the history. */
const textOf = (side: Side) => (side.dialect === "gateway" ? "body" : "content");

const person = (phone: Phone, fromMe = false) => ({
  ...{ participant: phone.jid, phoneNumber: phone.number, lid: phone.lidJid, fromMe },
});

test.each(eachDialect)("%s: an edit has its own webhook and changes the history", async (dialect) => {
  const side = world.sides[dialect];
  const sent = await bob.sendText(side.owner.number, "teh text");
  await side.webhook("message.received", sent.id);
  await bob.edit(sent, "the text");
  const data = await side.webhook("message.edited", sent.id);
  expect(data).toMatchObject({
    ...{ chatId: bob.jid, isGroup: false, ...person(bob), pushName: "Bob", body: "the text", known: true },
    author: person(bob),
  });
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({
    ...{ [textOf(side)]: "the text", editedAt: expect.any(String), deleted: false, deletedAt: null },
  });
  expect(side.webhooks(sent.id).filter(({ event }) => /received/.test(event))).toHaveLength(1);
});

test.each(eachDialect)("%s: an edited caption keeps its file", async (dialect) => {
  const side = world.sides[dialect];
  const sent = await bob.sendMedia(side.owner.number, "image", Buffer.from("a picture"), { caption: "befor" });
  await side.webhook("message.received", sent.id);
  const { imageMessage } = sent.message;
  const editedMessage = { imageMessage: { ...imageMessage, caption: "before" } };
  const key = { remoteJid: sent.address, id: sent.id, fromMe: true };
  const protocolMessage = { key, type: 14, editedMessage, timestampMs: Date.now() };
  await bob.sendMessage(side.owner.number, { editedMessage: { message: { protocolMessage } } }, { edit: "1" });
  expect(await side.webhook("message.edited", sent.id)).toMatchObject({ body: "before" });
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ [textOf(side)]: "before", hasMedia: true });
});

test.each(eachDialect)("%s: a deletion has its own webhook, and the history shows it", async (dialect) => {
  const side = world.sides[dialect];
  const sent = await bob.sendText(side.owner.number, "oops");
  await side.webhook("message.received", sent.id);
  await bob.revoke(sent);
  expect(await side.webhook("message.deleted", sent.id)).toMatchObject({
    ...{ chatId: bob.jid, ...person(bob), pushName: "Bob", author: person(bob), known: true },
  });
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({
    ...{ [textOf(side)]: "oops", deleted: true, deletedAt: expect.any(String), editedAt: null },
  });
});

test.each(eachDialect)("%s: a deletion by an admin names the admin and the author", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const theirs = await carol.sendText(group.jid, "spam");
  await side.webhook("message.received", theirs.id);
  const ours = await side.sendText(group.jid, "ours");
  for (const [id, author] of [
    [theirs.id, person(carol)],
    [ours, person(owner, true)],
  ] as const) {
    await bob.revoke(await messageAt(bob, id));
    expect(await side.webhook("message.deleted", id)).toMatchObject({
      ...{ chatId: group.jid, isGroup: true, ...person(bob), author },
    });
    expect(await side.inHistory(group.jid, id)).toMatchObject({ deleted: true });
  }
});

test.each(eachDialect)("%s: an edit and a deletion on the owner's phone are the owner's", async (dialect) => {
  const { owner, ...side } = world.sides[dialect];
  const sent = await owner.sendText(bob.number, "by hand");
  await side.webhook("message.sent", sent.id);
  await owner.edit(sent, "by foot");
  const mine = { ...person(owner, true), author: person(owner, true), chatId: bob.jid, pushName: null };
  expect(await side.webhook("message.edited", sent.id)).toMatchObject({ ...mine, body: "by foot" });
  await owner.revoke(sent);
  expect(await side.webhook("message.deleted", sent.id)).toMatchObject(mine);
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ deleted: true, editedAt: expect.any(String) });
});

/** Everything that the webhooks of an instance report as a message, with its text. */
const messages = (side: Side) =>
  world.gate.receiver.deliveries.flatMap(({ body: { event, data } }) =>
    data.instanceId === side.instance && /^message[._](received|sent)$/.test(event) ? [data.messageId] : [],
  );

test.each(eachDialect)("%s: a reaction and its removal are events about the message", async (dialect) => {
  const side = world.sides[dialect];
  const ours = await side.sendText(bob.number, "like it?");
  const reaction = await bob.react(await messageAt(bob, ours), "👍");
  const common = { chatId: bob.jid, isGroup: false, ...person(bob), pushName: "Bob", known: true };
  expect(await side.webhook("message.reaction", ours)).toMatchObject({
    ...{ ...common, author: person(side.owner, true), emoji: "👍", removed: false, reactionId: reaction.id },
  });
  expect(await side.inHistory(bob.jid, ours)).toMatchObject({
    reactions: [{ emoji: "👍", participant: bob.jid, lid: bob.lidJid, pushName: "Bob", fromMe: false }],
  });
  await bob.react(await messageAt(bob, ours), "🎉");
  await side.webhook("message.reaction", ours, ({ emoji }) => emoji === "🎉");
  expect(await side.inHistory(bob.jid, ours)).toMatchObject({ reactions: [{ emoji: "🎉" }] });
  await bob.react(await messageAt(bob, ours), "");
  const removal = await side.webhook("message.reaction", ours, ({ removed }) => removed === true);
  expect(removal).toMatchObject({ ...common, emoji: "" });
  expect(await side.inHistory(bob.jid, ours)).toMatchObject({ reactions: [] });
  expect(messages(side)).not.toContain(reaction.id);
});

test.each(eachDialect)("%s: reactions in a group have a person and an author", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const sent = await carol.sendText(group.jid, "for all");
  await side.webhook("message.received", sent.id);
  await bob.react(await messageAt(bob, sent.id), "❤️");
  await carol.react(sent, "😀");
  await owner.react(await messageAt(owner, sent.id), "🔥");
  for (const [phone, emoji] of [
    [bob, "❤️"],
    [carol, "😀"],
    [owner, "🔥"],
  ] as const) {
    expect(await side.webhook("message.reaction", sent.id, (data) => data.emoji === emoji)).toMatchObject({
      ...{ chatId: group.jid, isGroup: true, ...person(phone, phone === owner), author: person(carol) },
    });
  }
  const { reactions } = await side.inHistory(group.jid, sent.id);
  expect(
    (reactions as { emoji: string; participant: string }[]).map(({ emoji, participant }) => [emoji, participant]),
  ).toEqual([
    ["🔥", null],
    ["😀", carol.jid],
    ["❤️", bob.jid],
  ]);
});

test.each(eachDialect)("%s: a reaction to a message that the history lacks is told", async (dialect) => {
  const side = world.sides[dialect];
  const key = { remoteJid: side.owner.lidJid, id: `3EB0BEFORE${dialect.length}`, fromMe: false };
  const reactionMessage = { key, text: "👀", senderTimestampMs: Date.now() };
  await bob.sendMessage(side.owner.number, { reactionMessage }, { type: "reaction" });
  expect(await side.webhook("message.reaction", key.id)).toMatchObject({
    ...{ ...person(bob), author: person(side.owner, true), chatId: bob.jid, emoji: "👀", known: false },
  });
});

test.each(eachDialect)("%s: a pin has a duration and an end, and the history shows it", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const sent = await carol.sendText(group.jid, "read this");
  await side.webhook("message.received", sent.id);
  const seen = await messageAt(bob, sent.id);
  const pin = await bob.about.pin(seen, 604_800);
  const common = { chatId: group.jid, ...person(bob), author: person(carol), known: true };
  expect(await side.webhook("message.pinned", sent.id)).toMatchObject({
    ...{ ...common, pinned: true, duration: 604_800, expiresAt: expect.any(String) },
  });
  expect(await side.inHistory(group.jid, sent.id)).toMatchObject({
    pinned: { participant: bob.jid, timestamp: expect.any(String), until: expect.any(String) },
  });
  await owner.about.unpin(await messageAt(owner, sent.id));
  expect(await side.webhook("message.pinned", sent.id, ({ pinned }) => pinned === false)).toMatchObject({
    ...{ ...common, ...person(owner, true), duration: null, expiresAt: null },
  });
  expect(await side.inHistory(group.jid, sent.id)).toMatchObject({ pinned: null });
  expect(messages({ group, owner, ...side })).not.toContain(pin.id);
});

test.each(eachDialect)("%s: a kept message is told and shown", async (dialect) => {
  const side = world.sides[dialect];
  const sent = await bob.sendText(side.owner.number, "to keep");
  await side.webhook("message.received", sent.id);
  await bob.about.keep(sent);
  expect(await side.webhook("message.kept", sent.id)).toMatchObject({
    ...person(bob),
    author: person(bob),
    kept: true,
  });
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ kept: true });
  await bob.about.keep(sent, false);
  await side.webhook("message.kept", sent.id, ({ kept }) => kept === false);
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ kept: false });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(world.gate.wa);
});
