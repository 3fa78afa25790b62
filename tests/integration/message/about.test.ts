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

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(world.gate.wa);
});
