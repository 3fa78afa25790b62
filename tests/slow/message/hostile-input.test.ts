import type { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../../simulator/model/account.ts";
import { node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedGateway, startLinkedGateway } from "../../support/gateway/linked-gateway.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let device: Device;

beforeAll(async () => {
  linked = await startLinkedGateway("multi-instance");
  device = linked.owner.devices[0] as Device;
});
afterAll(async () => {
  await linked?.stop();
});

const nul = "\u0000";
const long = "1".repeat(6_000);
/** Six bytes in JSON. */
const wide = (length: number) => "\u0001".repeat(length);
const bytes = (length: number) => Buffer.alloc(length, 7);
const text = (contextInfo: proto.IContextInfo): proto.IMessage => ({
  extendedTextMessage: { text: "hello", contextInfo },
});
const file = (fields: proto.Message.IDocumentMessage): proto.IMessage => ({
  documentMessage: { mediaKey: bytes(32), directPath: "/v/1", fileSha256: bytes(32), fileLength: 5, ...fields },
});
const vote = (id: string): proto.IMessage => ({
  pollUpdateMessage: {
    pollCreationMessageKey: { id, remoteJid: linked.owner.jid },
    vote: { encPayload: bytes(64), encIv: bytes(12) },
  },
});
const answer = (id: string): proto.IMessage => ({
  encEventResponseMessage: { eventCreationMessageKey: { id }, encPayload: bytes(64), encIv: bytes(12) },
});
const senderKey = (groupId: string): proto.IMessage => ({
  conversation: "hello",
  senderKeyDistributionMessage: { groupId, axolotlSenderKeyDistributionMessage: bytes(80) },
});

/** Messages that are announced like any other. */
const announced: Record<string, () => proto.IMessage> = {
  "a file name that is 1 MB in JSON": () => file({ fileName: wide(180_000) }),
  "1,024 mentions of 180 characters": () => text({ mentionedJid: Array(1_024).fill(wide(180)) }),
  "1,024 long and valid mentions": () => text({ mentionedJid: Array(1_024).fill(`${"1".repeat(90)}@s.whatsapp.net`) }),
  "a quoted id that is 1 MB in JSON": () => text({ stanzaId: wide(180_000), quotedMessage: { conversation: "x" } }),
  "a quoted participant that is 1 MB in JSON": () => text({ stanzaId: "A", participant: wide(180_000) }),
  "a MIME type that is 1 MB in JSON": () => file({ mimetype: wide(180_000) }),
  "a hash of 400,000 bytes": () => file({ fileSha256: bytes(400_000), mediaKey: bytes(400_000) }),
  "a file size beyond all limits": () => file({ fileLength: -1 }),
  "a text of 900 kB": () => ({ conversation: "x".repeat(900_000) }),
  "a text that is 1 MB in JSON": () => ({ conversation: wide(180_000) }),
  "a text of characters that SQS counts double": () => ({ conversation: "\uFFFF".repeat(180_000) }),
  "a quoted text of 1 MB": () => text({ stanzaId: "A", quotedMessage: { conversation: wide(180_000) } }),
  "257 contacts with 20 numbers and addresses of 300 characters": () => ({
    contactsArrayMessage: {
      contacts: Array(257).fill({
        displayName: "Ada",
        vcard: `FN:Ada\n${`TEL:${"1".repeat(300)}\nEMAIL:${"1".repeat(300)}\n`.repeat(20)}`,
      }),
    },
  }),
  "a picture in 70 wrappers": () => {
    let message: proto.IMessage = { imageMessage: { caption: "deep" } };
    for (let depth = 0; depth < 70; depth++) message = { ephemeralMessage: { message } };
    return message;
  },
  "a poll with 40 options of 20,000 characters": () => ({
    pollCreationMessageV3: { name: wide(60_000), options: Array(40).fill({ optionName: wide(20_000) }) },
    messageContextInfo: { messageSecret: bytes(32) },
  }),
  "a calendar event with long fields": () => ({
    eventMessage: {
      ...{ name: wide(60_000), description: wide(90_000), location: { name: wide(90_000) } },
      ...{ startTime: 1e15, endTime: -1 },
    },
    messageContextInfo: { messageSecret: bytes(32) },
  }),
  "all of these together": () => ({
    documentMessage: {
      ...file({ fileName: wide(180_000), mimetype: wide(180_000), caption: wide(180_000) }).documentMessage,
      contextInfo: {
        mentionedJid: Array(1_024).fill(`${"1".repeat(90)}@s.whatsapp.net`),
        ...{ stanzaId: wide(180_000), participant: wide(180_000), quotedMessage: { conversation: wide(180_000) } },
      },
    },
  }),
  "a mention with NUL": () => text({ mentionedJid: [`${nul}@lid`] }),
  "a mention of 6,000 characters": () => text({ mentionedJid: [`${long}@lid`] }),
  "a quoted participant with NUL": () => text({ stanzaId: "A", participant: `${nul}@lid` }),
  "a quoted participant of 6,000 characters": () => text({ stanzaId: "A", participant: `${long}@lid` }),
  "a sender key for a group with NUL": () => senderKey(`${nul}@g.us`),
  "a sender key for a group of 6,000 characters": () => senderKey(`${long}@g.us`),
};

/** Messages without content for people, or that belong to nothing that is known. */
const ignored: Record<string, () => proto.IMessage> = {
  "a vote with NUL in the id of its poll": () => vote(nul),
  "a vote with 6,000 characters in the id of its poll": () => vote(long),
  "an answer with NUL in the id of its calendar event": () => answer(nul),
  "an answer with 6,000 characters in the id of its calendar event": () => answer(long),
  "an edit of an id with NUL": () => ({
    protocolMessage: { type: 14, key: { id: nul, participant: `${nul}@lid` }, editedMessage: { conversation: "x" } },
  }),
  "a deletion of an id of 6,000 characters": () => ({ protocolMessage: { type: 0, key: { id: long } } }),
};

/** Sends a message like any other, and checks that it is announced within seconds over the connection that was open. */
async function expectTraffic(logins: number): Promise<void> {
  const { id } = await linked.bob.sendText(linked.owner.number, "still there?");
  const { body } = await linked.client.reported("received", id, 30_000);
  expect(body.data.body).toBe("still there?");
  expect(device.sockets.logins).toBe(logins);
  await until(async () => device.kept.size === 0 || undefined);
}

describe("a message from a stranger leaves the connection open and delays nobody's events", () => {
  test.each(Object.entries(announced))("%s", async (_name, message) => {
    const { logins } = device.sockets;
    const { id } = await linked.carol.sendMessage(linked.owner.number, message());
    const { body } = await linked.client.reported("received", id, 30_000);
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(1_000_000);
    await expectTraffic(logins);
  });

  test.each(Object.entries(ignored))("%s", async (_name, message) => {
    const { logins } = device.sockets;
    await linked.carol.sendMessage(linked.owner.number, message());
    await expectTraffic(logins);
  });

  test("a reaction to an id with NUL, with a text that isn't an emoji", async () => {
    const { logins } = device.sockets;
    const reactionMessage = { key: { id: nul }, text: wide(180_000) };
    await linked.carol.sendMessage(linked.owner.number, { reactionMessage }, { type: "reaction" });
    const { body } = await linked.gate.receiver.waitFor(
      ({ body: { event } }) => /^message.reaction$/.test(event),
      30_000,
    );
    expect(body.data).toMatchObject({ messageId: expect.stringMatching(/^sha256-/), known: false });
    expect(Buffer.byteLength(body.data.emoji)).toBeLessThan(2_000);
    await expectTraffic(logins);
  });

  test.each([
    ["4,000 characters", "A".repeat(4_000)],
    ["NUL", `A${nul}`],
  ])("a message id with %s", async (_name, id) => {
    const { logins } = device.sockets;
    for (const conversation of ["first", "second with the same id"])
      await linked.carol.sendMessage(linked.owner.number, { conversation }, { id });
    const stored = await until(async () => {
      const rows = await linked.gate.db.sql<{ wa_id: string }[]>`
        select wa_id from messages where body = 'first' and wa_id like 'sha256-%' order by created_at desc limit 1`;
      return rows[0]?.wa_id;
    });
    await linked.client.reported("received", stored);
    const found = await linked.client.inHistory(linked.carol.number, stored, "received");
    expect(found.body).toBe("first");
    await expectTraffic(logins);
  });

  test("the same in a group, with a sender key that has an unusable group", async () => {
    const { logins } = device.sockets;
    await linked.carol.sendMessage(
      linked.group.jid,
      text({ mentionedJid: [`${nul}@lid`], participant: long, stanzaId: nul }),
    );
    const { id } = await linked.carol.sendText(linked.group.jid, "in the group");
    await linked.client.reported("received", id, 30_000);
    await expectTraffic(logins);
  });
});

test("messages that can't be decrypted do not delay other messages of the account", async () => {
  const { logins } = device.sockets;
  const attrs = { type: "text", from: `${linked.carol.account.lid}:0@lid`, sender_pn: linked.carol.jid };
  for (let index = 0; index < 20; index++) {
    const enc = node("enc", { v: "2", type: "msg" }, Buffer.alloc(90, index));
    device.deliver(node("message", { ...attrs, id: `UNREADABLE${index}`, t: linked.gate.wa.world.seconds }, [enc]));
  }
  // If the messages waited for each other, it would take 45 s.
  await expectTraffic(logins);
});

test.each([
  ["a call to a group without an id", node("offer", { type: "group", "group-jid": "1@g.us" }, [node("audio")])],
  ["a missed call without an id", node("terminate", { reason: "timeout" })],
  ["a call without a step", undefined],
  ["a new group without an id", node("create", {}, [node("group", {}, [])])],
  ["members without JIDs", node("add", {}, [node("participant", {})])],
  ["a picture without a hash", node("set", {})],
])("%s leaves the process and the connection alone", async (_name, child) => {
  const { logins } = device.sockets;
  const attrs = { t: linked.gate.wa.world.seconds, from: linked.carol.lidJid };
  const content = child ? [child] : [];
  const types = [
    "w:gp2",
    "picture",
    "devices",
    "encrypt",
    "privacy_token",
    "server_sync",
    "account_sync",
    "mex",
    "psa",
  ];
  device.deliver(node("call", { ...attrs, id: "CALL" }, content));
  for (const type of types) {
    device.deliver(node("notification", { ...attrs, id: `N-${type}`, type }, content));
    device.deliver(node("notification", { ...attrs, from: linked.group.jid, id: `G-${type}`, type }, content));
  }
  await expectTraffic(logins);
});

test("cuts a long text, marks it, and answers a page of such messages", async () => {
  const sent: string[] = [];
  for (let index = 0; index < 8; index++)
    sent.push(
      (await linked.carol.sendMessage(linked.owner.number, { conversation: `${index}${"x".repeat(900_000)}` })).id,
    );
  for (const id of sent) {
    const { body } = await linked.client.reported("received", id);
    expect(body.data).toMatchObject({ truncated: true });
    expect(body.data.body.length).toBe(131_072);
  }
  const page = await linked.client.history(linked.carol.number, 8);
  expect(page.map((message) => message.id).sort()).toEqual([...sent].sort());
  const short = await linked.carol.sendText(linked.owner.number, "short");
  expect((await linked.client.reported("received", short.id)).body.data).not.toHaveProperty("truncated");
});

test("keeps everything that WhatsApp's own apps can write", async () => {
  const caption = "한".repeat(21_000);
  const { id } = await linked.carol.sendMessage(linked.owner.number, {
    documentMessage: {
      ...file({ fileName: "Übersicht 2026 – final (2).pdf", mimetype: "application/pdf", caption }).documentMessage,
      contextInfo: {
        stanzaId: "3EB0",
        participant: linked.bob.lidJid,
        mentionedJid: [linked.bob.jid, linked.carol.lidJid],
      },
    },
  });
  const { data } = (await linked.client.reported("received", id)).body;
  expect(data).toMatchObject({
    body: caption,
    media: { filename: "Übersicht 2026 – final (2).pdf", mimetype: "application/pdf", size: 5 },
    quotedMessage: { messageId: "3EB0", participant: linked.bob.jid },
    mentions: [linked.bob.jid, linked.carol.jid],
  });
  expect(data).not.toHaveProperty("truncated");
  expectNoComplaints(linked.gate.wa);
});
