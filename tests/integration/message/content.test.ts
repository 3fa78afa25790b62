import { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wrapperFields } from "../../../session-host/inbound/content/unwrap.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import type { MediaKind } from "../../../simulator/wire/media.ts";
import { contentCases } from "../../support/content/cases.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { Attacker } from "../../support/inbound-fuzz/attacker.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;
let linked: Record<Dialect, LinkedInstance>;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  linked = await linkBothDialects(gate);
});
afterAll(async () => {
  await gate?.stop();
  expectNoComplaints(gate.wa);
});

const dialects: Dialect[] = ["multi-instance", "gateway"];

type Entry = Record<string, unknown>;

/** A page of the history of a chat, newest first. */
async function historyPage(dialect: Dialect, chat: string, skip: number): Promise<Entry[]> {
  const { instance } = linked[dialect].client;
  const multi = dialect === "multi-instance";
  const path = multi ? `/api/instances/${instance}/chats/${chat}/messages` : `/api/message/chat/${instance}/${chat}`;
  const { body } = await gate.api("GET", `${path}?limit=100&skip=${skip}`);
  return multi ? body.messages : body.data;
}

/** The entry of a recent message in the history of its dialect. */
async function inHistory(dialect: Dialect, chat: string, id: string): Promise<Entry | undefined> {
  return (await historyPage(dialect, chat, 0)).find((one) => one.messageId === id);
}

const contentIn = (dialect: Dialect, entry: Record<string, unknown> | undefined) =>
  dialect === "multi-instance" ? entry?.messageContent : entry?.content;

describe.each(dialects)("%s: the webhook and the history have the content of", (dialect) => {
  const sent = new Map<string, string>();
  const entries = new Map<unknown, Entry>();

  // All messages are sent before the first one is checked, because each takes a moment to arrive.
  beforeAll(async () => {
    const { owner, client } = linked[dialect];
    for (const [name, { message }] of Object.entries(contentCases))
      sent.set(name, (await bob.sendMessage(owner.number, message)).id);
    for (const id of sent.values()) await client.reported("received", id);
    for (let skip = 0; skip < sent.size; skip += 100)
      for (const entry of await historyPage(dialect, bob.number, skip)) entries.set(entry.messageId, entry);
  }, 120_000);

  test.each(Object.entries(contentCases))("%s", async (name, one) => {
    const id = sent.get(name) ?? "";
    const { body: posted } = await linked[dialect].client.reported("received", id);
    expect(posted.data.content).toMatchObject(one.content);
    const field = one.protoType ?? Object.keys(one.message)[0] ?? "";
    if (dialect === "gateway") {
      const isText = one.content.kind === "text";
      if (isText) expect(posted.data.message.conversation).toBe(one.body);
      if (one.protobuf || !isText) expect(posted.data.message[field]).toMatchObject(one.protobuf ?? {});
    } else expect(posted.data).toMatchObject({ body: one.body, type: field });
    const entry = entries.get(id);
    expect(contentIn(dialect, entry)).toEqual(posted.data.content);
    expect(dialect === "gateway" ? entry?.body : entry?.content).toBe(one.body);
  });

  test("a message in each wrapper, and in all of them", async () => {
    const { owner, client } = linked[dialect];
    const inner = { imageMessage: { caption: "inside" } };
    let nested: proto.IMessage = inner;
    for (const field of wrapperFields.slice(0, 18)) nested = { [field]: { message: nested } };
    const wrapped = [...wrapperFields.map((field) => ({ [field]: { message: inner } })), nested];
    const ids: string[] = [];
    for (const message of wrapped) ids.push((await bob.sendMessage(owner.number, message)).id);
    for (const id of ids) {
      const { body } = await client.reported("received", id);
      expect(body.data.content).toMatchObject({ kind: "image", caption: "inside" });
      expect(contentIn(dialect, await inHistory(dialect, bob.number, id))).toEqual(body.data.content);
    }
  });

  test("an edited message", async () => {
    const { owner, client } = linked[dialect];
    const { id } = await bob.sendMessage(owner.number, { imageMessage: { caption: "before", width: 3 } });
    await client.reported("received", id);
    const key = { remoteJid: owner.jid, fromMe: true, id };
    const editedMessage = { imageMessage: { caption: "after" } };
    await bob.sendMessage(owner.number, { protocolMessage: { key, type: 14, editedMessage, timestampMs: Date.now() } });
    const entry = await until(async () => {
      const found = await inHistory(dialect, bob.number, id);
      return found?.editedAt ? found : undefined;
    });
    expect(contentIn(dialect, entry)).toMatchObject({ kind: "image", caption: "after", width: 3 });
  });

  const cover = Buffer.from("a picture, film or document");
  test.each<[string, MediaKind, (file: object) => proto.IMessage]>([
    ["a template", "image", (file) => ({ templateMessage: { hydratedTemplate: { imageMessage: file } } })],
    ["buttons", "document", (file) => ({ buttonsMessage: { contentText: "Pay?", documentMessage: file } })],
    ["an interactive message", "video", (file) => ({ interactiveMessage: { header: { videoMessage: file } } })],
    [
      "a card",
      "image",
      (file) => ({ interactiveMessage: { carouselMessage: { cards: [{ header: { imageMessage: file } }] } } }),
    ],
    ["a product", "image", (file) => ({ productMessage: { product: { productId: "77", productImage: file } } })],
  ])("the file of %s", async (_name, kind, message) => {
    const { owner, client } = linked[dialect];
    const { id } = await bob.sendMessage(owner.number, message(await bob.upload(kind, cover)));
    const { body: posted } = await client.reported("received", id);
    expect(posted.data.media).toMatchObject({ size: cover.length });
    if (dialect === "multi-instance") expect(posted.data.hasMedia).toBe(true);
    expect(Buffer.from(await (await fetch(posted.data.media.url)).arrayBuffer())).toEqual(cover);
    expect(await inHistory(dialect, bob.number, id)).toMatchObject({ hasMedia: true });
  });

  test("an album and its pictures, which name the album", async () => {
    const { owner, client } = linked[dialect];
    const { id } = await bob.sendMessage(owner.number, { albumMessage: { expectedImageCount: 2 } });
    for (const messageIndex of [0, 1]) {
      const parentMessageKey = { remoteJid: owner.jid, fromMe: true, id };
      const imageMessage = await bob.upload("image", cover);
      const messageContextInfo = { messageAssociation: { associationType: 1, parentMessageKey, messageIndex } };
      const picture = await bob.sendMessage(owner.number, { imageMessage, messageContextInfo });
      const { body: posted } = await client.reported("received", picture.id);
      const parent = { messageId: id, relation: "album", index: messageIndex };
      expect(posted.data).toMatchObject({ content: { kind: "image" }, context: { parent } });
      expect(await inHistory(dialect, bob.number, picture.id)).toMatchObject({ context: { parent } });
    }
  });

  test("a notice in a group, with its author", async () => {
    const { owner, client } = linked[dialect];
    const group = bob.createGroup("Notices", [owner.number]);
    const { id } = await bob.sendMessage(group.jid, { protocolMessage: { type: 30, memberLabel: { label: "Coach" } } });
    const { body: posted } = await client.reported("received", id);
    expect(posted.data).toMatchObject({
      ...{ isGroup: true, participant: bob.jid, chatId: group.jid },
      [dialect === "gateway" ? "type" : "messageType"]: "memberLabel",
      content: { kind: "memberLabel", label: "Coach" },
    });
  });

  test.each<[string, proto.IMessage, string[]]>([
    ["a status post of a group", { groupStatusMessageV2: { message: { conversation: "Hi" } } }, ["groupStatus"]],
    ["a question", { questionMessage: { message: { extendedTextMessage: { text: "Hi" } } } }, ["question"]],
    ["a text", { ephemeralMessage: { message: { conversation: "Hi" } } }, []],
  ])("the marks of %s", async (_name, message, marks) => {
    const { owner, client } = linked[dialect];
    const { id } = await bob.sendMessage(owner.number, message);
    const { body: posted } = await client.reported("received", id);
    expect(posted.data).toMatchObject({ content: { kind: "text", text: "Hi" }, context: { marks } });
    expect(await inHistory(dialect, bob.number, id)).toMatchObject({ context: { marks } });
  });

  test("a message that the owner sends on the phone", async () => {
    const { owner, client } = linked[dialect];
    const { id } = await owner.sendMessage(bob.number, {
      locationMessage: { degreesLatitude: 1.5, degreesLongitude: 2 },
    });
    const { body } = await client.reported("sent", id);
    expect(body.data.content).toMatchObject({ kind: "location", latitude: 1.5, longitude: 2 });
    expect(contentIn(dialect, await inHistory(dialect, bob.number, id))).toEqual(body.data.content);
  });

  test("a message of the API", async () => {
    const { client } = linked[dialect];
    const id = await client.sendText(bob.number, "from the API");
    const { body } = await client.reported("sent", id);
    const content = { kind: "text", text: "from the API", linkPreview: null };
    expect(body.data.content).toEqual(content);
    expect(contentIn(dialect, await inHistory(dialect, bob.number, id))).toEqual(content);
  });

  test("a message that is newer than the protobuf definition", async () => {
    const { owner, client } = linked[dialect];
    const attacker = new Attacker(bob, owner.devices[0] as Device, bob.createGroup("Newer", [owner.number]));
    await attacker.open();
    const id = `NEWER${dialect.length}`;
    const encoded = Buffer.concat([
      proto.Message.encode({ messageContextInfo: { messageSecret: Buffer.alloc(32, 1) } }).finish(),
      Buffer.from([0xba, 0x3e, 0x03, ...Buffer.from("new")]),
    ]);
    await attacker.send(id, encoded);
    const { body } = await client.reported("received", id);
    const content = { kind: "unknown", fields: [999], bytes: encoded.toString("base64"), size: encoded.length };
    expect(body.data.content).toEqual(content);
    expect(contentIn(dialect, await inHistory(dialect, bob.number, id))).toEqual(content);
    const row = await until(async () => {
      const [found] = await gate.db.sql<{ payload: Buffer }[]>`select payload from messages where wa_id = ${id}`;
      return found;
    });
    expect(row.payload).toEqual(encoded);
  });
});

test("the webhook and the history have the content of a place, a contact and a poll of the API", async () => {
  const { client } = linked.gateway;
  const sends: [path: string, input: object, content: object][] = [
    ["location", { latitude: 1, longitude: 2, name: "Office" }, { kind: "location", latitude: 1, name: "Office" }],
    [
      "contact",
      { contacts: [{ displayName: "Ada", vcard: "BEGIN:VCARD\nFN:Ada\nTEL;waid=491:+49 1\nEND:VCARD" }] },
      { kind: "contacts", contacts: [{ name: "Ada", numbers: [{ number: "+49 1", whatsappNumber: "491" }] }] },
    ],
    ["poll", { question: "Lunch?", options: ["a", "b"] }, { kind: "poll", question: "Lunch?", options: ["a", "b"] }],
  ];
  for (const [path, input, content] of sends) {
    const body = { instanceId: client.instance, to: bob.number, ...input };
    const answer = await gate.api("POST", `/api/message/send/${path}`, { body });
    const id: string = answer.body.data.messageId;
    const { body: posted } = await client.reported("sent", id);
    expect(posted.data.content).toMatchObject(content);
    expect(contentIn("gateway", await inHistory("gateway", bob.number, id))).toEqual(posted.data.content);
  }
});
