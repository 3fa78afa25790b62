import type { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import type { Group } from "../../../simulator/model/group.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects, linkInstance } from "../../support/gateway/linked-gateway.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type ContextCase, contextCases, picture, text, thumbnail } from "../../support/message/context-cases.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let files: FileServer;
let linked: Record<Dialect, LinkedInstance>;
let bob: Phone;
let carol: Phone;
let group: Group;

beforeAll(async () => {
  files = await startFileServer({ "/a.png": { body: png(), type: "image/png" } });
  gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  bob = await gate.wa.addPhone({ number: "4915550000002", lid: "900000000000022", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550000003", lid: "900000000000023", pushName: "Carol" });
  linked = await linkBothDialects(gate);
  group = bob.createGroup("Crew", [...dialects.map((dialect) => linked[dialect].owner.number), carol.number]);
  // Both accounts know Carol by her number and her LID from now on.
  for (const dialect of dialects) await told(dialect, carol, { conversation: "hello" });
});
afterAll(async () => {
  await files?.stop();
  await gate?.stop();
  expectNoComplaints(gate.wa);
});

/** Sends a message, and returns what the webhook and the history show about it. */
async function told(dialect: Dialect, from: Phone, message: proto.IMessage, to = linked[dialect].owner.number) {
  const { client } = linked[dialect];
  const { id } = await from.sendMessage(to, message);
  const { body } = await client.reported("received", id);
  const chat = to === group.jid ? to : from.number;
  return { webhook: body.data, history: await inHistory(dialect, chat, id) };
}

async function inHistory(dialect: Dialect, chat: string, id: string) {
  const { instance } = linked[dialect].client;
  const path =
    dialect === "gateway"
      ? `/api/message/chat/${instance}/${chat}`
      : `/api/instances/${instance}/chats/${chat}/messages`;
  return await until(async () => {
    const { body } = await gate.api("GET", path);
    const listed: { messageId: string }[] = dialect === "gateway" ? body.data : body.messages;
    return listed.find((message) => message.messageId === id) as Record<string, unknown> | undefined;
  });
}

test.each(dialects.flatMap((dialect) => Object.keys(contextCases).map((name) => [dialect, name] as const)))(
  "%s: the webhook and the history show %s",
  async (dialect, name) => {
    const { message, shown, inGroup } = contextCases[name] as ContextCase;
    const scene = { owner: linked[dialect].owner, bob, carol, group };
    const { webhook, history } = await told(dialect, bob, message(scene), inGroup ? group.jid : undefined);
    const { quotedMessage, mentions, context: seen } = webhook;
    expect({ quotedMessage, mentions, context: seen }).toEqual(shown(scene));
    expect(history).toMatchObject({ quotedMessage, mentions, context: seen });
  },
);

/** The timer of each webhook about this chat, oldest first. */
const timersOf = (dialect: Dialect, chat: string) =>
  gate.receiver.deliveries
    .filter(({ body }) => body.data.instanceId === linked[dialect].client.instance && body.data.chatId === chat)
    .filter(({ body }) => body.event === (dialect === "gateway" ? "chat.update" : "chat_updated"))
    .map(({ body: { data } }) => data);
const timerWebhooks = (dialect: Dialect, chat: string, count: number) =>
  until(async () => (timersOf(dialect, chat).length >= count ? timersOf(dialect, chat) : undefined));

describe.each(dialects)("%s: a chat with disappearing messages", (dialect) => {
  let dave: Phone;
  beforeAll(async () => {
    const number = dialect === "gateway" ? "4915550000041" : "4915550000042";
    dave = await gate.wa.addPhone({ number, pushName: "Dave" });
  });

  /** Sends one message in each way through the API, and returns their timers at Dave's phone. */
  async function timersAtDave(): Promise<number[]> {
    const { client } = linked[dialect];
    const before = dave.inbox.messages.length;
    const post = async (path: string, body: object) => {
      const answer = await gate.api("POST", path, { body });
      expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
      return answer.body;
    };
    const first = await client.sendText(dave.number, "an answer");
    await client.sendImage(dave.number, files.url("/a.png"));
    if (dialect === "gateway") {
      const to = { instanceId: client.instance, to: dave.number };
      await post("/api/message/send/poll", { ...to, question: "Which?", options: ["Red", "Blue"] });
      await post("/api/message/send/location", { ...to, latitude: 52.5, longitude: 13.4 });
      await post("/api/message/forward", { ...to, messageId: first });
    } else {
      const path = `/api/whatsapp/${client.instance}`;
      const sendAt = new Date(Date.now() + 3_600_000).toISOString();
      await post(`${path}/bulk`, { recipients: [{ phone: dave.number }], message: "to many" });
      const { id } = await post(`${path}/send`, { phone: dave.number, message: "later", sendAt });
      await gate.db.sql`update commands set run_at = now() where wa_id = ${id}`;
      await post(`${path}/send`, { phone: dave.number, message: "again" });
    }
    return await until(async () => {
      const arrived = dave.inbox.messages.slice(before).filter(({ fromMe, kind }) => !fromMe && kind !== "protocol");
      return arrived.length >= 5 ? arrived.map(({ expiration }) => expiration ?? 0) : undefined;
    });
  }
  const everywhere = (seconds: number) => Array(5).fill(seconds);

  test("our messages carry the timer that the other person's message has, also after a restart", async () => {
    const { owner, client } = linked[dialect];
    expect(await timersAtDave()).toEqual(everywhere(0));
    await told(dialect, dave, text({ expiration: 86_400 }));
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    const id = await client.sendText(dave.number, "shown");
    expect((await client.reported("sent", id)).body.data.context).toMatchObject({
      ephemeral: 86_400,
      device: owner.devices[0]?.id,
    });
    const device = owner.devices[0] as Device;
    const { logins } = device.sockets;
    expect((await client.request("POST", "restart")).status).toBeLessThan(300);
    await until(async () => device.sockets.logins > logins || undefined);
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    expect(timersOf(dialect, dave.jid)).toEqual([]);
  });

  test("a change by either person has a webhook of its own, and no message", async () => {
    const { owner, client } = linked[dialect];
    const change = { chatId: dave.jid, timestamp: expect.any(Number) };
    const setting = await dave.setTimer(owner.number, 604_800);
    const [first] = await timerWebhooks(dialect, dave.jid, 1);
    expect(first).toMatchObject({
      ...{ ...change, by: { id: dave.jid, lid: dave.lidJid }, fromMe: false, changes: { ephemeral: 604_800 } },
    });
    expect(await timersAtDave()).toEqual(everywhere(604_800));
    // The timer of this message is the same, so it changes nothing.
    await told(dialect, dave, { conversation: "still a week" });
    await owner.setTimer(dave.number, 0);
    const [, second, ...others] = await timerWebhooks(dialect, dave.jid, 2);
    expect(second).toMatchObject({
      ...{ ...change, by: { id: owner.jid, lid: owner.lidJid }, fromMe: true, changes: { ephemeral: 0 } },
    });
    expect(others).toEqual([]);
    expect(await timersAtDave()).toEqual(everywhere(0));
    expect(client.allReported(setting.id)).toEqual([]);
    expect((await client.history(dave.number)).map(({ id }) => id)).not.toContain(setting.id);
  });

  test("an older timer in a late message does not replace a newer one", async () => {
    const { owner } = linked[dialect];
    const now = Math.floor(gate.wa.world.clock() / 1000);
    await dave.setTimer(owner.number, 86_400);
    await timerWebhooks(dialect, dave.jid, 3);
    await told(dialect, dave, text({ expiration: 604_800, ephemeralSettingTimestamp: now - 3_600 }));
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    expect(timersOf(dialect, dave.jid)).toHaveLength(3);
  });
});

test("the history that the phone sends after linking reports the timers of its chats", async () => {
  const erin = await gate.wa.addPhone({ number: "4915550000043", pushName: "Erin" });
  const history = [{ with: erin.number, timer: 7_776_000, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  const owner = await gate.wa.addPhone({ number: "4915550000044", pushName: "Owner", history });
  const { client } = await linkInstance(gate, owner, "gateway");
  await until(async () => {
    const rows = await gate.db.sql`select 1 from chat_timers where instance_id = ${client.instance}`;
    return rows.length > 0 || undefined;
  });
  const id = await client.sendText(erin.number, "hello again");
  expect(await erin.waitFor((message) => message.id === id)).toMatchObject({ expiration: 7_776_000 });
});

test.each(dialects)("%s: a message by a broadcast list belongs to the chat with its sender", async (dialect) => {
  const { owner, client } = linked[dialect];
  const options = { audience: [owner.number, carol.number] };
  const { id } = await bob.sendMessage("1700000000@broadcast", { conversation: "to all of you" }, options);
  const { body } = await client.reported("received", id);
  expect(body.data).toMatchObject({
    ...{ chatId: bob.jid, from: bob.jid, isGroup: false },
    context: { broadcastList: "1700000000@broadcast" },
  });
  expect(await inHistory(dialect, bob.number, id)).toMatchObject({
    context: { broadcastList: "1700000000@broadcast" },
  });
  const answer = await client.sendText(bob.number, "only to you");
  expect(await bob.waitFor((message) => message.id === answer)).toMatchObject({ chat: owner.jid });
});

test.each(dialects)("%s: a message of a business has its verified name", async (dialect) => {
  const number = dialect === "gateway" ? "4915550000051" : "4915550000052";
  const shop = await gate.wa.addPhone({ number, pushName: "Shop", business: { name: "Shop GmbH" } });
  const { webhook, history } = await told(dialect, shop, { conversation: "Your order is ready" });
  for (const shown of [webhook, history]) expect(shown).toMatchObject({ context: { businessName: "Shop GmbH" } });
});

test.each(dialects)("%s: an own message names the device that sent it", async (dialect) => {
  const { owner, client } = linked[dialect];
  const other = await linkInstance(gate, owner, dialect);
  const [own, second] = owner.devices.map(({ id }) => id);
  const byHand = (await owner.sendText(bob.number, "from the phone")).id;
  const byOther = await other.client.sendText(bob.number, "from another device");
  const byApi = await client.sendText(bob.number, "from the API");
  for (const [id, device] of [
    [byHand, 0],
    [byOther, second],
    [byApi, own],
  ] as const) {
    expect((await client.reported("sent", id)).body.data.context.device).toBe(device);
    expect(await inHistory(dialect, bob.number, id)).toMatchObject({ context: { device } });
  }
  await other.client.request("DELETE", "delete");
});

test("a message through the API has the context that its recipient sees", async () => {
  const { client } = linked.gateway;
  const image = { ...picture, caption: "look", jpegThumbnail: thumbnail, contextInfo: { forwardingScore: 3 } };
  const received = await bob.sendMessage(group.jid, { imageMessage: image });
  await client.reported("received", received.id);
  const { body } = await gate.api("POST", "/api/message/send/text", {
    body: {
      ...{ instanceId: client.instance, to: group.jid, message: `thanks, @${carol.number}` },
      ...{ quotedMessageId: received.id, mentions: [carol.number] },
    },
  });
  const { messageId } = body.data;
  const sent = await client.reported("sent", messageId);
  const expected = {
    quotedMessage: {
      ...{ messageId: received.id, participant: bob.jid, lid: bob.lidJid, chatId: group.jid, fromMe: false },
      ...{ type: "image", body: "look", isStatus: false, thumbnail: thumbnail.toString("base64") },
    },
    mentions: [carol.jid],
    context: {
      mentioned: [{ jid: carol.jid, lid: carol.lidJid, phoneNumber: carol.number, token: `@${carol.number}` }],
    },
  };
  expect(sent.body.data).toMatchObject(expected);
  expect(await inHistory("gateway", group.jid, messageId)).toMatchObject(expected);
  const told = await bob.sendMessage(group.jid, text({ isForwarded: true, forwardingScore: 3 }));
  await client.reported("received", told.id);
  const forward = { instanceId: client.instance, to: bob.number, messageId: told.id };
  const forwarded = (await gate.api("POST", "/api/message/forward", { body: forward })).body.data.messageId;
  expect((await client.reported("sent", forwarded)).body.data.context.forwarded).toMatchObject({
    score: 4,
    many: false,
  });
});

describe("a group member who never wrote and is named by LID", () => {
  /** The ways in which the session learns the member's number. */
  const ways: [string, (member: Phone, dialect: Dialect) => Promise<Group>][] = [
    ["a new group", async (member, dialect) => bob.createGroup("New", [linked[dialect].owner.number, member.number])],
    [
      "a notification about new members",
      async (member, dialect) => {
        const grown = bob.createGroup("Grown", [linked[dialect].owner.number]);
        member.followInvite(grown.inviteCode);
        return grown;
      },
    ],
    [
      "a query of the group",
      async (member, dialect) => {
        const queried = bob.createGroup("Queried", [linked[dialect].owner.number]);
        // Without a notification.
        queried.members.set(member.account, "member");
        const { instance } = linked[dialect].client;
        const answer = await gate.api("GET", `/api/groups/${instance}/${queried.jid}`);
        expect(answer.status, JSON.stringify(answer.body)).toBe(200);
        return queried;
      },
    ],
  ];

  test.each(dialects.flatMap((dialect) => ways.map(([way, join], index) => [dialect, way, join, index] as const)))(
    "%s: has a number in mentions, quotes and reactions after %s",
    async (dialect, _way, join, index) => {
      const { client } = linked[dialect];
      const number = `49155500007${index}${dialects.indexOf(dialect)}`;
      const silent = await gate.wa.addPhone({ number, pushName: "Silent" });
      const { jid: chat } = await join(silent, dialect);
      const named = { stanzaId: "3EB0QUOTED", participant: silent.lidJid, mentionedJid: [silent.lidJid] };
      const { id } = await bob.sendMessage(chat, text({ ...named, quotedMessage: { conversation: "earlier" } }));
      const { quotedMessage, context } = (await client.reported("received", id)).body.data;
      expect(quotedMessage).toMatchObject({ participant: silent.jid, lid: silent.lidJid });
      expect(context.mentioned).toMatchObject([{ jid: silent.jid, lid: silent.lidJid, phoneNumber: number }]);
      const key = { remoteJid: chat, id: `3EB0EARLIER${number}`, participant: silent.lidJid, fromMe: false };
      await bob.sendMessage(chat, { reactionMessage: { key, text: "+1" } }, { type: "reaction" });
      const { body } = await gate.receiver.waitFor(({ body: { data } }) => data.messageId === key.id);
      expect(body.data.author).toMatchObject({ participant: silent.jid, phoneNumber: number, lid: silent.lidJid });
      const reverse = `${silent.lidJid.split("@")[0]}_reverse`;
      await until(async () => {
        const stored = await gate.db.sql`
          select from session_keys where instance_id = ${client.instance} and type = 'lid-mapping' and key_id = ${reverse}`;
        return stored.length > 0 || undefined;
      });
    },
  );
});
