import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { HOSTED_DEVICE } from "../../../simulator/model/account.ts";
import { type BinaryNode, children } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type Body, type LinkedInstance, linkInstance, messageAt } from "../../support/gateway/linked-gateway.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { Client } from "../../support/simulator/client.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
/** By how WhatsApp expects messages of the account to be addressed. */
let sides: Record<Kind, LinkedInstance>;
let bob: Phone;
const bobNumber = "4915550600002";
/** What the server has delivered to Bob. */
const delivered: BinaryNode[] = [];

type Kind = "lid" | "number";
const kinds = ["lid", "number"] as const;

beforeAll(async () => {
  gate = await startTestGateway();
  files = await startFileServer({ "/a.png": { body: png(), type: "image/png" } });
  bob = await gate.wa.addPhone({ number: bobNumber, pushName: "Bob" });
  const deliver = bob.deliver.bind(bob);
  bob.deliver = (stanza) => {
    delivered.push(stanza);
    deliver(stanza);
  };
  const link = async (number: string, lidMigrated: boolean) =>
    await linkInstance(gate, await gate.wa.addPhone({ number, pushName: "Owner", lidMigrated }), "gateway");
  sides = { lid: await link("4915550600010", true), number: await link("4915550600011", false) };
}, 120_000);
afterAll(async () => {
  await files?.stop();
  await gate?.stop();
  expectNoComplaints(gate.wa);
});

const ownJid = ({ owner }: LinkedInstance, kind: Kind) => (kind === "lid" ? owner.lidJid : owner.jid);
const bobJid = (kind: Kind) => (kind === "lid" ? bob.lidJid : bob.jid);
const acksOf = ({ owner }: LinkedInstance) => gate.wa.device(owner.number).counts.received;

/** Sends a request of the Gateway API, and returns its data. */
async function request(method: string, path: string, body?: Body): Promise<Body> {
  const answer = await gate.api(method, `/api/${path}`, body === undefined ? {} : { body });
  expect(answer).toMatchObject({ status: 200, body: { success: true } });
  return answer.body.data;
}

/** Returns the address from which Bob gets a matching stanza. */
const senderOf = (matches: (stanza: BinaryNode) => boolean) =>
  until(async () => delivered.find(matches)?.attrs.from?.replace(/:\d+/, ""));

/** Sends a text from Bob, and returns its id once it is in the history. */
async function received({ client, owner }: LinkedInstance, text: string): Promise<string> {
  const { id } = await bob.sendText(owner.number, text, { addressing: "lid" });
  await client.inHistory(bob.number, id, "received");
  return id;
}

describe.each(kinds)("an account of which WhatsApp expects messages by %s", (kind) => {
  const side = () => sides[kind];
  const send = (what: string, body: Body) => async () => {
    const { instance: instanceId } = side().client;
    return (await request("POST", `message/${what}`, { instanceId, to: bob.number, ...body })).messageId as string;
  };
  const about = (method: string, path: (id: string) => string, body?: Body) => async () => {
    const id = await side().client.sendText(bob.number, "first");
    await messageAt(bob, id);
    await side().client.inHistory(bob.number, id, "delivered");
    const seen = delivered.length;
    const inBody = path(id).includes(id) ? {} : { messageId: id, instanceId: side().client.instance };
    await request(method, path(id), body && { ...body, ...inBody });
    const message = await until(async () => delivered.slice(seen).find(({ tag }) => tag === "message"));
    return message.attrs.id ?? "";
  };

  const stanzas: [string, () => Promise<string>][] = [
    ["a text", send("send/text", { message: "hello" })],
    ["a file", async () => await send("send/image", { image: files.url("/a.png") })()],
    ["a poll", send("send/poll", { question: "Which?", options: ["Red", "Blue"] })],
    ["a location", send("send/location", { latitude: 52.5, longitude: 13.4 })],
    [
      "a contact",
      send("send/contact", {
        contacts: [{ displayName: "Carol", vcard: "BEGIN:VCARD\nVERSION:3.0\nFN:Carol\nEND:VCARD" }],
      }),
    ],
    [
      "a reply",
      async () => await send("send/text", { message: "yes", quotedMessageId: await received(side(), "shall we?") })(),
    ],
    ["a forward", async () => await send("forward", { messageId: await received(side(), "pass it on") })()],
    ["a reaction", about("PUT", () => "message/reaction", { emoji: "👍", chatId: bobNumber })],
    ["an edit", about("PUT", (id) => `message/${side().client.instance}/${id}`, { message: "second" })],
    ["a deletion", about("DELETE", (id) => `message/${side().client.instance}/${id}`)],
  ];

  test.each(stanzas)(
    "%s is addressed as WhatsApp expects, once, and is in the chat with the number",
    async (_, act) => {
      const before = acksOf(side());
      const { owner } = side();
      const id = await act();
      const arrived = await until(async () => bob.inbox.messages.find((message) => message.id === id));
      expect(arrived).toMatchObject({ addressing: kind === "lid" ? "lid" : "pn", copies: 1, chat: owner.jid });
      expect(await senderOf(({ tag, attrs }) => tag === "message" && attrs.id === id)).toBe(ownJid(side(), kind));
      const { protocolMessage, reactionMessage } = arrived.message;
      const key = protocolMessage?.key ?? reactionMessage?.key;
      if (key) expect(key.remoteJid).toBe(bobJid(kind));
      const own = await owner.waitFor((message) => message.id === id);
      expect(own).toMatchObject({ fromMe: true, chat: bob.jid });
      const rows = await gate.db.sql`
      select distinct chat_id from messages where instance_id = ${side().client.instance} and not from_me is null`;
      expect(rows).toEqual([{ chat_id: bob.jid }]);
      expect(acksOf(side()) - before).toBeLessThanOrEqual(2);
    },
  );

  test("receipts, the typing state, presence and profile requests name the person as WhatsApp expects", async () => {
    const { instance } = side().client;
    const id = await received(side(), "read me");
    await request("POST", "message/seen", { instanceId: instance, chatId: bob.number, messageId: id });
    const isRead = ({ tag, attrs }: BinaryNode) => tag === "receipt" && attrs.id === id && attrs.type === "read";
    expect(await senderOf(isRead)).toBe(ownJid(side(), kind));
    await request("POST", "message/typing/start", { instanceId: instance, chatId: bob.number });
    const isTyping = (stanza: BinaryNode) =>
      stanza.tag === "chatstate" && children(stanza).some(({ tag }) => tag === "composing");
    const from = () => senderOf((stanza) => isTyping(stanza) && isFrom(stanza, side().owner));
    expect(await from()).toBe(ownJid(side(), kind));
    await request("POST", `presence/${instance}/${bob.number}/subscribe`);
    const server = await until(async () => bob.account.subscribers.get(gate.wa.device(side().owner.number)));
    expect(`@${server}`).toBe(kind === "lid" ? "@lid" : "@s.whatsapp.net");
    const asked = vi.spyOn(gate.wa.world, "accountOf");
    await request("GET", `contacts/${instance}/about?phoneNumber=${bob.number}`);
    const jids = new Set(asked.mock.calls.map(([jid]) => jid));
    asked.mockRestore();
    expect(jids).toEqual(new Set([bobJid(kind)]));
  });
});

const isFrom = ({ attrs }: BinaryNode, { number, account }: Phone) =>
  [number, account.lid].includes(attrs.from?.split(/[:@]/)[0] ?? "");

test("messages from a hosted device belong to the chat with the person, and answers reach the person", async () => {
  const { client, owner } = sides.lid;
  bob.account.nextDeviceId = HOSTED_DEVICE;
  const provider = new Client(gate.wa);
  await provider.pair(bob);
  for (const to of [owner.lidJid, owner.jid]) {
    bob.account.lidMigrated = to === owner.lidJid;
    const sent = await provider.sock.sendMessage(to, { text: `from the provider to ${to}` });
    const id = sent?.key.id ?? "";
    await client.inHistory(bob.number, id, "received");
    const [row] = await gate.db.sql`select chat_id, sender_id, sender_lid from messages where wa_id = ${id}`;
    expect(row).toEqual({ chat_id: bob.jid, sender_id: bob.jid, sender_lid: bob.lidJid });
    const { body } = await client.reported("received", id);
    expect(body.data).toMatchObject({ from: bob.jid, chatId: bob.jid, phoneNumber: bob.number, lid: bob.lidJid });
    await request("POST", "message/seen", { instanceId: client.instance, chatId: bob.number, messageId: id });
    const answer = await client.sendText(bob.number, `an answer to ${to}`);
    expect(await messageAt(bob, answer)).toMatchObject({ copies: 1, addressing: "lid" });
    await provider.waitForText(`an answer to ${to}`);
  }
  bob.account.lidMigrated = true;
  await provider.close();
  bob.unlink(gate.wa.device(bob.number, HOSTED_DEVICE));
});

test("an account that is not moved to LIDs says so when it is linked, and gets no refusal", async () => {
  const side = sides.number;
  const before = acksOf(side);
  const id = await side.client.sendText(bob.number, "by number at once");
  expect(await messageAt(bob, id)).toMatchObject({ addressing: "pn", copies: 1 });
  await side.client.inHistory(bob.number, id, "delivered");
  expect(acksOf(side) - before).toBe(1);
});

test("an account that WhatsApp moves to LIDs after the link uses LIDs from the next login on", async () => {
  const { client, owner } = sides.number;
  owner.account.lidMigrated = true;
  // Otherwise, a refusal would show the same.
  gate.wa.world.rules.relax("migrated_account_uses_lid");
  await client.request("POST", "restart");
  await until(async () => {
    const id = await client.sendText(bob.number, "by LID at last");
    return (await messageAt(bob, id)).addressing === "lid" || undefined;
  });
  gate.wa.world.rules.restore("migrated_account_uses_lid");
  owner.account.lidMigrated = false;
  // WhatsApp refuses the next one, and the account learns the other address.
  const id = await client.sendText(bob.number, "by number again");
  expect(await messageAt(bob, id)).toMatchObject({ addressing: "pn", copies: 1 });
  await client.inHistory(bob.number, id, "delivered");
});

test.each(kinds)(
  "a message that WhatsApp refuses because of its address arrives once at the other one, and the account keeps it: %s",
  async (kind) => {
    const side = sides[kind];
    const { account } = side.owner;
    // WhatsApp moves the account, or moves it back, without a word.
    account.lidMigrated = kind === "number";
    const ids = await Promise.all(["one", "two", "three"].map((text) => side.client.sendText(bob.number, text)));
    for (const id of ids) {
      expect(await messageAt(bob, id)).toMatchObject({ addressing: kind === "lid" ? "pn" : "lid", copies: 1 });
      await side.client.inHistory(bob.number, id, "delivered");
      expect(side.client.allReported(id)).not.toContain("failed");
    }
    const before = acksOf(side);
    await gate.restart();
    await gate.status(side.client.instance, "connected");
    const id = await side.client.sendText(bob.number, "and now at once");
    expect(await messageAt(bob, id)).toMatchObject({ addressing: kind === "lid" ? "pn" : "lid", copies: 1 });
    await side.client.inHistory(bob.number, id, "delivered");
    expect(acksOf(side) - before).toBe(1);
    account.lidMigrated = kind === "lid";
  },
);
