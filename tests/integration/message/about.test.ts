import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { type AboutGateway, eachDialect, type Side, startAboutGateway } from "../../support/gateway/about.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { messageAt } from "../../support/gateway/linked-gateway.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";

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

/** Sends an edit with this content, and waits for its webhook. */
async function editTo(side: Side, sent: { id: string; address: string }, editedMessage: object, ms = Date.now()) {
  const key = { remoteJid: sent.address, id: sent.id, fromMe: true };
  const protocolMessage = { key, type: 14, editedMessage, timestampMs: ms };
  await bob.sendMessage(side.owner.number, { editedMessage: { message: { protocolMessage } } }, { edit: "1" });
}

const place = (degreesLatitude: number) => ({ locationMessage: { degreesLatitude, degreesLongitude: 13.4 } });
const preview = { matchedText: "https://a.example", title: "A", description: "About A" };
const answerOfBot = (messageText: string) => ({
  richResponseMessage: { messageType: 1, submessages: [{ messageType: 2, messageText }] },
});
const linkPreview = { url: "https://a.example", title: "A", description: "About A", thumbnail: null };
const facts = { mimetype: "image/jpeg", fileLength: 9, width: 3, height: 2 };
const interactiveMessage = (text: string) => ({ interactiveMessage: { body: { text } } });
const listMessage = (description: string) => ({ listMessage: { title: "Menu", description, listType: 1 } });
const editsOfContent: [name: string, original: object, edit: object, content: object, type: string][] = [
  ["an answer of a bot", answerOfBot("Thinking"), answerOfBot("Final"), { text: "Final" }, "richResponse"],
  ["a text that becomes one", { conversation: "…" }, answerOfBot("Done"), { kind: "botResponse" }, "richResponse"],
  ["a place", place(1), place(2), { kind: "location", latitude: 2 }, "location"],
  ["choices", interactiveMessage("old"), interactiveMessage("new"), { text: "new" }, "interactive"],
  ["a list", listMessage("old"), listMessage("new"), { text: "new" }, "list"],
  [
    "a link",
    { conversation: "see" },
    { extendedTextMessage: { text: "see https://a.example", ...preview } },
    { kind: "text", text: "see https://a.example", linkPreview },
    "text",
  ],
  [
    "a caption without its file",
    { imageMessage: { ...facts, caption: "befor" } },
    { imageMessage: { caption: "before" } },
    { kind: "image", caption: "before", mimetype: "image/jpeg", size: 9, width: 3 },
    "image",
  ],
  [
    "a caption that is sent as a text",
    { imageMessage: { ...facts, caption: "befor" } },
    { conversation: "before" },
    { kind: "image", caption: "before", mimetype: "image/jpeg" },
    "image",
  ],
];
const contentName = (side: Side) => (side.dialect === "gateway" ? "content" : "messageContent");

test.each(editsOfContent)("an edit of %s replaces the content in its event and the history", async (...edit) => {
  const [, original, edited, content, type] = edit;
  const side = world.sides["multi-instance"];
  const sent = await bob.sendMessage(side.owner.number, original);
  await side.webhook("message.received", sent.id);
  await editTo(side, sent, edited);
  expect(await side.webhook("message.edited", sent.id)).toMatchObject({ content });
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ [contentName(side)]: content });
  expect(
    await world.gate.db.sql`select type from messages where wa_id = ${sent.id} and instance_id = ${side.instance}`,
  ).toEqual([{ type }]);
});

test.each(eachDialect)("%s: an edit that adds a mention shows it, and keeps the quote", async (dialect) => {
  const side = world.sides[dialect];
  const first = await bob.sendText(side.owner.number, "first");
  const quote = { stanzaId: first.id, participant: bob.lidJid, quotedMessage: { conversation: "first" } };
  const sent = await bob.sendMessage(side.owner.number, { extendedTextMessage: { text: "hi", contextInfo: quote } });
  await side.webhook("message.received", sent.id);
  const token = `@${carol.lidJid.split("@")[0]}`;
  const contextInfo = { mentionedJid: [carol.lidJid] };
  await editTo(side, sent, { extendedTextMessage: { text: `hi ${token}`, contextInfo } });
  const mentions = [expect.stringMatching(`${carol.lidJid}|${carol.jid}`)];
  const shown = { mentions, context: { mentioned: [{ lid: carol.lidJid, token }], edited: false } };
  expect(await side.webhook("message.edited", sent.id)).toMatchObject(shown);
  expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ ...shown, quotedMessage: { messageId: first.id } });
  await editTo(side, sent, { conversation: "hi" });
  expect(await side.webhook("message.edited", sent.id, ({ body }) => body === "hi")).toMatchObject({ mentions: [] });
});

test("an edit with a right clock follows one with a fast clock, and a wrong clock doesn't hide an edit", async () => {
  const side = world.sides.gateway;
  const sent = await bob.sendText(side.owner.number, "first");
  await side.webhook("message.received", sent.id);
  const clocks = [50_000, 0, 9e15, Number.NaN, 55_000, 0, -70_000];
  for (const [index, ms] of clocks.entries()) {
    const conversation = `edit ${index}`;
    await editTo(side, sent, { conversation }, Number.isNaN(ms) ? -5 : Date.now() + ms);
    await side.webhook("message.edited", sent.id, ({ body }) => body === conversation);
    expect(await side.inHistory(bob.jid, sent.id)).toMatchObject({ body: conversation });
  }
  // An older edit that arrives late changes nothing.
  await editTo(side, sent, { conversation: "late" }, Date.now() - 30_000);
  await editTo(side, sent, { conversation: "last" }, Date.now() + 55_000);
  await side.webhook("message.edited", sent.id, ({ body }) => body === "last");
  expect(side.webhooks(sent.id)).toHaveLength(clocks.length + 2);
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

test.each(eachDialect)(
  "%s: a sealed edit changes the original, once, for every combination of JIDs",
  async (dialect) => {
    const { owner, group, ...side } = world.sides[dialect];
    for (const names of [
      undefined,
      { creator: "pn", responder: "pn" },
      { creator: "lid", responder: "lid" },
    ] as const) {
      for (const chat of [owner.number, group.jid]) {
        const sent = await bob.sendText(chat, "teh text");
        await side.webhook("message.received", sent.id);
        const edit = await bob.about.sealedEdit(sent, "the text", names ? { names } : {});
        expect(await side.webhook("message.edited", sent.id)).toMatchObject({
          ...{ ...person(bob), author: person(bob), body: "the text", known: true, readable: true },
          content: { kind: "text", text: "the text" },
        });
        const shown = { [textOf(world.sides[dialect])]: "the text", editedAt: expect.any(String) };
        expect(await side.inHistory(chat === group.jid ? chat : bob.jid, sent.id)).toMatchObject(shown);
        expect(side.webhooks(sent.id).map(({ event }) => event.replace("_", "."))).toEqual([
          "message.received",
          "message.edited",
        ]);
        expect(side.webhooks(edit.id)).toEqual([]);
      }
    }
  },
);

test.each(eachDialect)("%s: a sealed edit of a caption or on the owner's phone is an edit too", async (dialect) => {
  const { owner, ...side } = world.sides[dialect];
  const image = await bob.sendMedia(owner.number, "image", Buffer.from("a picture"), { caption: "befor" });
  await side.webhook("message.received", image.id);
  await bob.about.sealedEdit(image, { imageMessage: { ...image.message.imageMessage, caption: "before" } });
  expect(await side.webhook("message.edited", image.id)).toMatchObject({ body: "before" });
  expect(await side.inHistory(bob.jid, image.id)).toMatchObject({ hasMedia: true, editedAt: expect.any(String) });
  const mine = await owner.sendText(bob.number, "by hand");
  await side.webhook("message.sent", mine.id);
  await owner.about.sealedEdit(mine, "by foot");
  expect(await side.webhook("message.edited", mine.id)).toMatchObject({ ...person(owner, true), body: "by foot" });
});

/** Sends a new option of a poll, sealed with a key that nobody has. */
function addOption(phone: Phone, group: string, poll: { id: string; author: Phone }) {
  const targetMessageKey = { remoteJid: group, id: poll.id, fromMe: false, participant: poll.author.lidJid };
  const sealed = { encPayload: Buffer.alloc(64, 1), encIv: Buffer.alloc(12, 1), secretEncType: 5 };
  return phone.sendMessage(group, { secretEncryptedMessage: { targetMessageKey, ...sealed } }, { edit: "1" });
}

test.each(eachDialect)("%s: a sealed edit by another person is told to nobody", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const theirs = await carol.sendText(group.jid, "carol's");
  await side.webhook("message.received", theirs.id);
  const ours = await side.sendText(group.jid, "ours");
  for (const id of [theirs.id, ours]) {
    const seen = await messageAt(bob, id);
    const forged = { ...seen, message: { messageContextInfo: { messageSecret: Buffer.alloc(32) }, ...seen.message } };
    await bob.about.sealedEdit(forged as never, "forged");
    // Only a poll can get a new option.
    await addOption(bob, group.jid, { id, author: id === ours ? owner : carol });
  }
  const next = await bob.sendText(group.jid, "done");
  await side.webhook("message.received", next.id);
  for (const id of [theirs.id, ours]) {
    expect(await side.inHistory(group.jid, id)).toMatchObject({ editedAt: null });
    expect(side.webhooks(id).some(({ event }) => /edited/.test(event))).toBe(false);
  }
  expect(owner.errors).toEqual([]);
});

test.each(eachDialect)(
  "%s: a sealed reaction is opened, and one with a wrong key is told as unreadable",
  async (dialect) => {
    const { group, owner, ...side } = world.sides[dialect];
    const sent = await carol.sendText(group.jid, "an announcement");
    await side.webhook("message.received", sent.id);
    const seen = await messageAt(bob, sent.id);
    const reaction = await bob.about.sealedReaction(seen, "👏");
    const common = { ...person(bob), author: person(carol), chatId: group.jid, reactionId: reaction.id, known: true };
    expect(await side.webhook("message.reaction", sent.id)).toMatchObject({ ...common, emoji: "👏", readable: true });
    expect(await side.inHistory(group.jid, sent.id)).toMatchObject({
      reactions: [{ emoji: "👏", participant: bob.jid }],
    });
    const wrong = { ...seen, message: { messageContextInfo: { messageSecret: Buffer.alloc(32, 7) } } };
    const other = await bob.about.sealedReaction(wrong, "👎");
    expect(await side.webhook("message.reaction", sent.id, ({ readable }) => readable === false)).toMatchObject({
      ...{ ...common, reactionId: other.id, emoji: "", removed: false },
    });
    expect(await side.inHistory(group.jid, sent.id)).toMatchObject({ reactions: [{ emoji: "👏" }] });
    expect(messages({ group, owner, ...side })).not.toContain(reaction.id);
  },
);

test.each(eachDialect)("%s: an edited poll counts votes for its new option", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const poll = await bob.surveys.poll(group.jid, { question: "When?", options: ["Mon", "Tue"] });
  await side.webhook("message.received", poll.id);
  const options = ["Mon", "Tue", "Wed"].map((optionName) => ({ optionName }));
  const edited = { pollCreationMessageV3: { name: "Which day?", options, selectableOptionsCount: 1 } };
  await bob.about.sealedEdit(poll, edited);
  expect(await side.webhook("message.edited", poll.id)).toMatchObject({ body: "Which day?" });
  expect(await side.inHistory(group.jid, poll.id)).toMatchObject({ [textOf(world.sides[dialect])]: "Which day?" });
  const seen = await messageAt(carol, poll.id);
  await carol.surveys.vote({ ...seen, message: { ...seen.message, ...edited } }, ["Wed"]);
  expect(await side.webhook("poll.voted", poll.id)).toMatchObject({ question: "Which day?", options: ["Wed"] });
  const path = `/api/message/${side.instance}/${poll.id}/responses`;
  expect((await world.gate.api("GET", path)).body.data.options).toMatchObject([{}, {}, { name: "Wed", voters: [{}] }]);
});

test.each(eachDialect)("%s: a new option that another person adds to a poll is told as unreadable", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  for (const [author, event] of [
    [bob, "message.received"],
    [owner, "message.sent"],
  ] as const) {
    const poll = await author.surveys.poll(group.jid, { question: "Where?", options: ["Here", "There"] });
    await side.webhook(event, poll.id);
    await addOption(carol, group.jid, { id: poll.id, author });
    expect(await side.webhook("message.edited", poll.id)).toMatchObject({
      ...{ ...person(carol), author: person(author, author === owner), body: "", content: null },
      ...{ known: true, readable: false },
    });
    expect(await side.inHistory(group.jid, poll.id)).toMatchObject({ editedAt: null });
  }
});

test.each(eachDialect)("%s: an edited calendar event has its new time", async (dialect) => {
  const { owner, ...side } = world.sides[dialect];
  const event = await bob.surveys.event(owner.number, { name: "Party", startTime: 1_900_000_000 });
  await side.webhook("message.received", event.id);
  await bob.about.sealedEdit(event, {
    eventMessage: { name: "Big party", startTime: 1_900_003_600, isCanceled: true },
  });
  expect(await side.webhook("message.edited", event.id)).toMatchObject({ body: "Big party" });
  const [row] = await world.gate.db
    .sql`select context from messages where wa_id = ${event.id} and instance_id = ${side.instance}`;
  expect(row?.context.event).toMatchObject({ startTime: "2030-03-17T18:46:40.000Z", canceled: true });
  await bob.surveys.answer(event, "going");
  expect(await side.webhook("event.answered", event.id)).toMatchObject({ name: "Big party", answer: "going" });
});

test.each(eachDialect)("%s: a message of the API can be edited and reacted to, sealed", async (dialect) => {
  const { group, owner, ...side } = world.sides[dialect];
  const id = await side.sendText(group.jid, "by the API");
  await bob.about.sealedReaction(await messageAt(bob, id), "💯");
  expect(await side.webhook("message.reaction", id)).toMatchObject({ emoji: "💯", author: person(owner, true) });
  await owner.about.sealedEdit(await messageAt(owner, id), "by hand");
  expect(await side.webhook("message.edited", id)).toMatchObject({ ...person(owner, true), body: "by hand" });
});

test.each(eachDialect)("%s: a sealed comment is a message with its text", async (dialect) => {
  const { group, ...side } = world.sides[dialect];
  const sent = await bob.sendText(group.jid, "an announcement");
  await side.webhook("message.received", sent.id);
  const comment = await carol.about.sealedComment(await messageAt(carol, sent.id), "well done");
  expect(await side.webhook("message.received", comment.id)).toMatchObject({
    content: { kind: "comment", text: "well done", target: { messageId: sent.id } },
  });
});

test.each(eachDialect)("%s: an edit of an unreadable message is applied when the content arrives", async (dialect) => {
  const { owner, ...side } = world.sides[dialect];
  const sent = await bob.sendText(carol.number, "the original");
  const { instance } = side;
  await world.gate.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, status, sent_at)
    values (gen_random_uuid(), ${instance}, ${sent.id}, ${bob.jid}, false, ${bob.jid}, 'unreadable', 'unreadable',
      'received', now())`;
  await bob.about.sealedEdit({ ...sent, to: owner.jid, address: owner.lidJid }, "edited");
  expect(await side.webhook("message.edited", sent.id)).toMatchObject({ known: false, readable: false });
  await world.gate.db.sql`delete from messages where instance_id = ${instance} and wa_id = ${sent.id}`;
  await bob.sendMessage(owner.number, sent.message, { id: sent.id });
  expect(await side.webhook("message.edited", sent.id, ({ known }) => known === true)).toMatchObject({
    body: "edited",
  });
});

let earlyMessages = 0;

/** Sends what `about` does before the message that it is about, as a phone that was offline may deliver it. */
async function beforeOriginal(side: Side, about: (id: string) => Promise<unknown>, events: string[]) {
  const id = `3EB0EARLY${earlyMessages++}`;
  const original = await bob.sendText(carol.number, "the original", { id });
  await about(id);
  const early = [];
  for (const event of events) early.push(await side.webhook(event, id, ({ known }) => known === false));
  await bob.sendMessage(side.owner.number, original.message, { id });
  await side.webhook("message.received", id);
  const late = [];
  for (const event of events) late.push(await side.webhook(event, id, ({ known }) => known === true));
  return { id, early, late, shown: await side.inHistory(bob.jid, id) };
}

const keyOf = (side: Side, id: string) => ({ remoteJid: side.owner.lidJid, id, fromMe: true });

test.each(eachDialect)("%s: an edit that arrives before the original is told, and applied later", async (dialect) => {
  const side = world.sides[dialect];
  const edit = (id: string) => {
    const protocolMessage = {
      key: keyOf(side, id),
      type: 14,
      editedMessage: { conversation: "edited" },
      timestampMs: Date.now(),
    };
    return bob.sendMessage(side.owner.number, { protocolMessage }, { edit: "1" });
  };
  const { early, late, shown } = await beforeOriginal(side, edit, ["message.edited"]);
  expect(early).toMatchObject([{ ...person(bob), author: person(bob), body: "edited", readable: true }]);
  expect(late).toMatchObject([{ ...person(bob), author: person(bob), body: "edited" }]);
  expect(shown).toMatchObject({ [textOf(side)]: "edited", editedAt: expect.any(String) });
  expect(
    await world.gate.db.sql`select 1 from waiting_notes where target_id = ${shown.messageId as string}`,
  ).toHaveLength(0);
});

test.each(eachDialect)(
  "%s: a sealed edit before the original is unreadable until it arrives, also after a restart",
  async (dialect) => {
    const side = world.sides[dialect];
    const edit = async (id: string) => {
      const sent = bob.sent.get(id);
      if (!sent) throw new Error("the original is missing");
      await bob.about.sealedEdit({ ...sent, to: side.owner.jid, address: side.owner.lidJid }, "edited");
      await side.webhook("message.edited", id, ({ known }) => known === false);
      await world.gate.api("POST", `/api/instances/${side.instance}/reconnect`);
      await world.gate.status(side.instance, "connected");
    };
    const { early, late, shown } = await beforeOriginal(side, edit, ["message.edited"]);
    expect(early).toMatchObject([{ ...person(bob), body: "", content: null, readable: false }]);
    expect(late).toMatchObject([{ body: "edited", readable: true }]);
    expect(shown).toMatchObject({ [textOf(side)]: "edited" });
  },
);

test.each(eachDialect)("%s: a deletion before the original is told, and applied later", async (dialect) => {
  const side = world.sides[dialect];
  const revoke = (id: string) =>
    bob.sendMessage(side.owner.number, { protocolMessage: { key: keyOf(side, id), type: 0 } }, { edit: "7" });
  const { early, late, shown } = await beforeOriginal(side, revoke, ["message.deleted"]);
  expect([...early, ...late]).toMatchObject([person(bob), person(bob)]);
  expect(shown).toMatchObject({ deleted: true });
});

test.each(eachDialect)("%s: an edit or deletion of a message from before the link is told", async (dialect) => {
  const { owner, group, ...side } = world.sides[dialect];
  const unknown = (name: string) => `3EB0OLD${name}${dialect.length}`;
  const key = (id: string) => ({ remoteJid: group.jid, id, fromMe: true });
  const edited = { key: key(unknown("E")), type: 14, editedMessage: { conversation: "new" }, timestampMs: Date.now() };
  const message = { editedMessage: { message: { protocolMessage: edited } } };
  const edit = await bob.sendMessage(group.jid, message, { edit: "1" });
  await bob.sender.resend(edit, world.gate.wa.device(owner.number), 1, "lid");
  expect(await side.webhook("message.edited", unknown("E"))).toMatchObject({
    ...{ chatId: group.jid, isGroup: true, ...person(bob), author: person(bob), body: "new", known: false },
  });
  await owner.sendMessage(group.jid, { protocolMessage: { key: key(unknown("D")), type: 0 } }, { edit: "7" });
  expect(await side.webhook("message.deleted", unknown("D"))).toMatchObject({
    ...{ ...person(owner, true), author: person(owner, true), known: false },
  });
  // Bob created the group, so he is an admin. Carol is not.
  const byOther = { ...key(unknown("A")), fromMe: false, participant: carol.lidJid };
  await bob.sendMessage(group.jid, { protocolMessage: { key: byOther, type: 0 } }, { edit: "8" });
  expect(await side.webhook("message.deleted", unknown("A"))).toMatchObject({ ...person(bob), author: person(carol) });
  const forged = { ...key(unknown("F")), fromMe: false, participant: bob.lidJid };
  await carol.sendMessage(group.jid, { protocolMessage: { key: forged, type: 0 } }, { edit: "8" });
  await side.webhook("message.received", (await carol.sendText(group.jid, "done")).id);
  expect(side.webhooks(unknown("F"))).toEqual([]);
  expect(side.webhooks(unknown("E"))).toHaveLength(1);
});

test.each(eachDialect)(
  "%s: a sealed reaction and a vote before the original are read when it arrives",
  async (dialect) => {
    const { group, owner, ...side } = world.sides[dialect];
    const id = `3EB0EARLYPOLL${dialect.length}`;
    const poll = await bob.surveys.poll(carol.number, { question: "Yes?", options: ["Yes", "No"] }, { id });
    const early = { ...poll, to: owner.jid, address: owner.lidJid };
    await bob.surveys.vote(early, ["Yes"]);
    await bob.about.sealedReaction(early, "🤞");
    const unreadable = { ...person(bob), author: person(bob), known: false, readable: false };
    expect(await side.webhook("message.response", id)).toMatchObject({ ...unreadable, kind: "vote" });
    expect(await side.webhook("message.reaction", id)).toMatchObject({ ...unreadable, emoji: "" });
    await bob.sendMessage(owner.number, poll.message, { id, type: "poll" });
    const isKnown = ({ known, readable }: Record<string, unknown>) => known === true && readable === true;
    expect(await side.webhook("poll.voted", id)).toMatchObject({ question: "Yes?", options: ["Yes"] });
    expect(await side.webhook("message.reaction", id, isKnown)).toMatchObject({ emoji: "🤞" });
    expect(await side.inHistory(bob.jid, id)).toMatchObject({ reactions: [{ emoji: "🤞" }] });
  },
);

test.each(eachDialect)("%s: an endpoint that denies a LID gets nothing of its chat, nor files", async (dialect) => {
  const { owner, instance, ...side } = world.sides[dialect];
  const multi = dialect === "multi-instance";
  const dave = await world.gate.wa.addPhone({ number: `491555000004${multi ? 0 : 1}`, pushName: "Dave" });
  const endpoint = await receiverOfTest();
  const path = multi ? `/api/instances/${instance}/webhooks` : `/api/instance/${instance}/webhooks`;
  const body = { url: endpoint.url, filters: { chats: { deny: [dave.lidJid] } } };
  const created = await world.gate.api("POST", path, { body });
  expect(created.status).toBe(201);
  // Dave has never written, so he is no contact.
  const ours = [await side.sendText(dave.number, "from the API")];
  const byHand = await owner.sendText(dave.number, "by hand");
  await owner.react(byHand, "👍");
  await owner.edit(byHand, "by foot");
  await side.webhook("message.edited", byHand.id);
  const file = await dave.sendMedia(owner.number, "image", Buffer.from("a picture"), {});
  await side.webhook("media.stored", file.id);
  const last = await side.sendText(bob.number, "the last one");
  await vi.waitFor(() => expect(endpoint.received.some(({ body }) => body.includes(last))).toBe(true), 20_000);
  const about = [...ours, byHand.id, file.id];
  expect(endpoint.received.filter(({ body }) => about.some((id) => body.includes(id)))).toEqual([]);
  const { id } = multi ? created.body : created.body.data;
  expect((await world.gate.api("DELETE", `${path}/${id}`)).status).toBe(200);
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(world.gate.wa);
});
