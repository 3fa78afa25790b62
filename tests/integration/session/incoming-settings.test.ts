import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Call } from "../../../simulator/model/call.ts";
import type { SentMessage } from "../../../simulator/phone/mailbox/sent.ts";
import { startCall } from "../../../simulator/phone/owner/call.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

const statusChat = "status@broadcast";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let id: string;

beforeAll(async () => {
  gate = await startTestGateway();
  const history = [
    { with: "4915550700002", messages: [{ text: "old, from Bob", id: "OLDBOB", timestamp: dayAgo(1) }] },
    { with: "4915550700003", messages: [{ text: "old, from Carol", id: "OLDCAROL", timestamp: dayAgo(2) }] },
  ];
  owner = await gate.wa.addPhone({ number: "4915550700001", pushName: "Owner", history });
  bob = await gate.wa.addPhone({ number: "4915550700002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550700003", pushName: "Carol" });
  id = await gate.linked(owner, "gateway", { history: "recent", ignore: { chats: [carol.number] } });
  await until(async () => (await rows("OLDBOB"))[0]);
});
afterAll(() => gate?.stop());

const dayAgo = (days: number) => Math.floor(Date.now() / 1000) - days * 24 * 60 * 60;

const paths = { gateway: () => `/api/instance/${id}`, "multi-instance": () => `/api/instances/${id}` };
const set = async (settings: object, dialect: keyof typeof paths = "gateway") => {
  const answer = await gate.api("PUT", paths[dialect](), { body: settings });
  expect(answer).toMatchObject({ status: 200 });
  return answer.body.data ?? answer.body;
};

const rows = async (waId: string) =>
  await gate.db.sql`select type from messages where instance_id = ${id} and wa_id = ${waId}`;
/** Returns the types of the events that mention a message. */
const told = async (waId: string) => {
  const events = await gate.db.sql<{ type: string }[]>`
    select type from events where instance_id = ${id} and strpos(data::text, ${waId}) > 0 order by seq`;
  return events.map(({ type }) => type);
};
/** Sends a message that is never ignored, and waits until it is stored. Everything before it is then handled. */
async function settle(): Promise<void> {
  const sent = await bob.sendText(owner.number, "after it");
  await until(async () => (await rows(sent.id))[0]);
}
/** The session has acknowledged everything, so WhatsApp keeps nothing for it. */
const expectAcknowledged = () => until(async () => gate.wa.device(owner.number).kept.size === 0 || undefined);

describe("the setting `ignore`", () => {
  const group = () => bob.createGroup("Team", [owner.number]).jid;
  const channel = () => {
    const { jid } = bob.channels.create("News");
    owner.channels.follow(jid);
    return jid;
  };
  const audience = () => [owner.number];

  test.each<[string, object, () => Promise<string>]>([
    ["groups", { groups: true }, async () => (await bob.sendText(group(), "in the group")).id],
    [
      "status posts",
      { statuses: true },
      async () => (await bob.sendText(statusChat, "posted", { audience: audience() })).id,
    ],
    ["channels", { channels: true }, async () => bob.channels.post(channel(), "in the channel")],
    [
      "broadcast lists",
      { broadcasts: true },
      async () => (await bob.sendText("1700000000@broadcast", "to all", { audience: audience() })).id,
    ],
    [
      "a chat by phone number",
      { chats: ["+49 1555 0700003"] },
      async () => (await carol.sendText(owner.number, "hi")).id,
    ],
    ["a chat by LID", { chats: ["LID"] }, async () => (await carol.sendText(owner.number, "hi")).id],
    ["files", { chats: ["4915550700003"] }, async () => (await carol.sendImage(owner.number, png())).id],
  ])("hides messages of %s at once, and the session still acknowledges them", async (_name, ignore, send) => {
    await set({ ignore: null });
    const before = await send();
    await until(async () => (await rows(before))[0]);
    expect(await told(before)).not.toEqual([]);
    const chats = (ignore as { chats?: string[] }).chats?.map((chat) => (chat === "LID" ? carol.lidJid : chat));
    await set({ ignore: { ...ignore, ...(chats && { chats }) } });
    const hidden = await send();
    await settle();
    expect(await rows(hidden)).toEqual([]);
    expect(await told(hidden)).toEqual([]);
    await expectAcknowledged();
    await set({ ignore: null });
    const after = await send();
    await until(async () => (await rows(after))[0]);
  });

  test("hides reactions, edits and deletions in an ignored chat, and messages that can't be read", async () => {
    await set({ ignore: { chats: [carol.number] } });
    const sent = await carol.sendText(owner.number, "first");
    await carol.edit(sent, "second");
    await carol.react(sent, "👍");
    await carol.revoke(sent);
    const unreadable = await carol.sendText(owner.number, "view it on the phone", { withheld: "view_once" });
    await settle();
    expect(await told(sent.id)).toEqual([]);
    expect(await told(unreadable.id)).toEqual([]);
    await set({ ignore: null });
  });

  test("is shown by both dialects, replaces the whole setting, and refuses unknown rules by name", async () => {
    const nothing = { groups: false, statuses: false, channels: false, broadcasts: false, chats: [] };
    for (const dialect of dialects) {
      expect((await set({ ignore: { groups: true, chats: ["4915550700003"] } }, dialect)).ignore).toEqual({
        ...nothing,
        groups: true,
        chats: ["4915550700003@s.whatsapp.net"],
      });
      expect((await set({ name: "same" }, dialect)).ignore).toMatchObject({ groups: true });
      expect((await set({ ignore: { statuses: true } }, dialect)).ignore).toEqual({ ...nothing, statuses: true });
      expect((await set({ ignore: null }, dialect)).ignore).toEqual(nothing);
      const refused = await gate.api("PUT", paths[dialect](), { body: { ignore: { bots: true } } });
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain("bots");
    }
  });

  test("applies to the import of the history", async () => {
    expect(await rows("OLDBOB")).toHaveLength(1);
    expect(await rows("OLDCAROL")).toEqual([]);
  });
});

describe("the setting `autoRead`", () => {
  const isRead = ({ receipts }: SentMessage) => receipts.some(({ type }) => type === "read");
  const audience = () => [owner.number];
  const send = {
    direct: () => bob.sendText(owner.number, "to you"),
    groups: () => bob.sendText(bob.createGroup("Team", [owner.number]).jid, "to the group"),
    statuses: () => bob.sendText(statusChat, "posted", { audience: audience() }),
  };
  type Kind = keyof typeof send;
  const kinds = Object.keys(send) as Kind[];

  test.each<[unknown, Kind[]]>([
    [true, ["direct", "groups"]],
    [{ direct: true }, ["direct"]],
    [{ groups: true, statuses: true }, ["groups", "statuses"]],
    [false, []],
  ])("%j shows the senders of %j that the message was read", async (autoRead, read) => {
    await set({ autoRead });
    const sent = new Map<Kind, SentMessage>();
    for (const kind of kinds) sent.set(kind, await send[kind]());
    for (const kind of read) await until(async () => isRead(sent.get(kind) as SentMessage) || undefined);
    await settle();
    for (const kind of kinds) {
      const message = sent.get(kind) as SentMessage;
      expect([kind, isRead(message)]).toEqual([kind, read.includes(kind)]);
      const [row] = await until(async () => {
        const found = await gate.db.sql`
          select read_at is not null as read from messages where instance_id = ${id} and wa_id = ${message.id}`;
        return found[0]?.read === read.includes(kind) ? found : undefined;
      });
      expect(row).toEqual({ read: read.includes(kind) });
    }
    await until(async () => {
      const left = await gate.db.sql`select from auto_reads where instance_id = ${id}`;
      return left.length === 0 || undefined;
    });
  });

  test("reads several messages with one receipt, and no message of an ignored chat", async () => {
    await set({ autoRead: true, ignore: { chats: [carol.number] } });
    const ignored = await carol.sendText(owner.number, "unseen");
    const burst = await Promise.all([1, 2, 3].map((each) => bob.sendText(owner.number, `burst ${each}`)));
    for (const one of burst) await until(async () => isRead(one) || undefined);
    expect(isRead(ignored)).toBe(false);
    await set({ autoRead: null, ignore: null });
  });

  test("refuses kinds that it doesn't know, by name", async () => {
    const refused = await gate.api("PUT", paths.gateway(), { body: { autoRead: { channels: true } } });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("channels");
  });
});

describe("the setting `rejectCalls`", () => {
  const callEvents = async (callId: string) =>
    await gate.db.sql<{ type: string; data: Record<string, unknown> }[]>`
      select type, data from events where instance_id = ${id} and data->>'callId' = ${callId} order by seq`;
  const answers = (phone: Phone, text: string) => phone.inbox.messages.filter((message) => message.text === text);
  const rejected = (call: Call) => until(async () => call.states.get(owner.account) === "rejected" || undefined);
  const told = (call: Call) =>
    until(async () => {
      const events = await callEvents(call.id);
      return events.some(({ type }) => type === "call.rejected") ? events : undefined;
    });

  test("rejects calls with an event that says so, and lets them ring again when it is off", async () => {
    await set({ rejectCalls: true });
    const call = startCall(bob, owner.number);
    await rejected(call);
    expect(await told(call)).toMatchObject([
      { type: "call.received", data: { rejected: true, isGroup: false } },
      { type: "call.rejected", data: { by: "api", automatic: true } },
    ]);
    expect(call.answeredBy.get(owner.account)).toBe(1);
    await set({ rejectCalls: null });
    const rings = startCall(bob, owner.number);
    const [event] = await until(async () => {
      const events = await callEvents(rings.id);
      return events.length > 0 ? events : undefined;
    });
    expect(event?.data).not.toHaveProperty("rejected");
    await settle();
    expect(rings.states.get(owner.account)).toBe("ringing");
    rings.hangUp();
  });

  test("answers each caller once in the period, and no call to a group", async () => {
    const text = "Please write instead";
    await set({ rejectCalls: { message: text } });
    for (let tries = 0; tries < 3; tries++) await told(startCall(bob, owner.number));
    await told(startCall(carol, owner.number));
    const group = bob.createGroup("Callers", [owner.number]).jid;
    await told(startCall(bob, group));
    await until(async () => (answers(bob, text).length > 0 && answers(carol, text).length > 0) || undefined);
    await gate.db.sql`update call_answers set answered_at = answered_at - interval '24 hours'
      where instance_id = ${id} and caller = ${bob.lidJid}`;
    await told(startCall(bob, owner.number));
    await until(async () => answers(bob, text).length > 1 || undefined);
    await settle();
    expect([answers(bob, text), answers(carol, text)].map(({ length }) => length)).toEqual([2, 1]);
    const stored = await gate.db.sql`
      select status from messages where instance_id = ${id} and from_me and body = ${text} and status <> 'pending'`;
    expect(stored).toHaveLength(3);
  });

  test("sends no message to a caller whose chat is ignored", async () => {
    const text = "Call back on Monday";
    await gate.db.sql`delete from call_answers where instance_id = ${id}`;
    for (const chat of [carol.number, carol.lidJid]) {
      await set({ rejectCalls: { message: text }, ignore: { chats: [chat] } });
      await told(startCall(carol, owner.number));
    }
    await told(startCall(bob, owner.number));
    await until(async () => answers(bob, text)[0]);
    await settle();
    expect(answers(carol, text)).toEqual([]);
    await set({ rejectCalls: null, ignore: null });
  });

  test("leaves calls to groups alone if the setting says so", async () => {
    await set({ rejectCalls: { groups: false } });
    const group = startCall(bob, bob.createGroup("Callers", [owner.number]).jid);
    const direct = startCall(carol, owner.number);
    await rejected(direct);
    await until(async () => (await callEvents(group.id))[0]);
    expect(group.states.get(owner.account)).toBe("ringing");
    group.hangUp();
  });
});

test("the next host rejects calls, reads messages and answers callers that the last one did not", async () => {
  const text = "Back tomorrow";
  await set({ rejectCalls: null, autoRead: { direct: true } });
  const call = startCall(bob, owner.number);
  await until(async () => {
    const rows = await gate.db.sql`
      update events set data = data || '{"rejected":true}' where instance_id = ${id} and type = 'call.received'
        and data->>'callId' = ${call.id} returning id`;
    return rows[0];
  });
  const message = await carol.sendText(owner.number, "read me twice");
  await until(async () => message.receipts.some(({ type }) => type === "read") || undefined);
  // The session removes its note after it has sent the receipt.
  await until(async () => {
    const left = await gate.db.sql`select from auto_reads where instance_id = ${id}`;
    return left.length === 0 || undefined;
  });
  const reads = () => message.receipts.filter(({ type }) => type === "read").length;
  const before = reads();
  await gate.db.sql`
    insert into auto_reads (instance_id, message_id)
    select instance_id, id from messages where instance_id = ${id} and wa_id = ${message.id}`;
  await set({ rejectCalls: { message: text, answerAfterHours: 1 } });
  await gate.db.sql`delete from call_answers where instance_id = ${id}`;
  const answered = startCall(carol, owner.number);
  await until(async () => answered.states.get(owner.account) === "rejected" || undefined);
  await gate.restart();
  await gate.status(id, "connected");
  await until(async () => call.states.get(owner.account) === "rejected" || undefined);
  await until(async () => reads() > before || undefined);
  await until(async () => carol.inbox.messages.some((one) => one.text === text) || undefined);
  startCall(carol, owner.number);
  await settle();
  expect(carol.inbox.messages.filter((one) => one.text === text)).toHaveLength(1);
  await set({ rejectCalls: null, autoRead: null });
});

describe("the settings `metadata` and `timezone`", () => {
  const metadata = { tenant: "acme", "cost.center": "42 – Zürich" };

  test("events, webhooks and lists repeat the metadata of the instance", async () => {
    await set({ metadata });
    const { id: messageId } = await bob.sendText(owner.number, "for the tenant");
    const { body } = await gate.receiver.waitFor((one) => one.body.data.messageId === messageId);
    expect(body).toMatchObject({ event: "message.received", metadata });
    const log = (await gate.api("GET", `/api/instances/${id}/events?types=message.received&limit=1000`)).body.events;
    expect(log.at(-1)).toMatchObject({ data: { messageId }, metadata });
    const start = new Date(Date.now() - 60 * 60 * 1000).toISOString();
    const live = (await gate.api("GET", `/api/events?instances=${id}&types=message.received&startDate=${start}`)).body;
    expect(live.data.events.at(-1)).toMatchObject({ instanceId: id, metadata });
    for (const list of ["/api/instances", "/api/instance"]) {
      const found = async (pair: string) => {
        const answer = await gate.api("GET", `${list}?metadata=${encodeURIComponent(pair)}`);
        return (answer.body.instances ?? answer.body.data).map((one: { id: string }) => one.id);
      };
      expect(await found("tenant:acme")).toEqual([id]);
      expect(await found("tenant:other")).toEqual([]);
      expect((await gate.api("GET", `${list}?metadata=tenant`)).status).toBe(400);
    }
    await set({ metadata: null });
    const later = await bob.sendText(owner.number, "for nobody");
    const without = await gate.receiver.waitFor((one) => one.body.data.messageId === later.id);
    expect(without.body).not.toHaveProperty("metadata");
    const tooMany = Object.fromEntries(Array.from({ length: 21 }, (_, key) => [`k${key}`, "v"]));
    for (const wrong of [tooMany, { "a b": "c" }, { a: "x".repeat(501) }, { a: 1 }])
      expect((await gate.api("PUT", paths.gateway(), { body: { metadata: wrong } })).status).toBe(400);
  });

  test("a time without an offset is one of the instance's time zone", async () => {
    expect((await gate.api("PUT", paths.gateway(), { body: { timezone: "Europe/Atlantis" } })).status).toBe(400);
    await set({ timezone: "Asia/Kolkata" });
    const day = new Date(Date.now() + 2 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    const at = async (sendAt: string) => {
      const body = { phone: bob.number, message: "later", sendAt };
      return (await gate.api("POST", `/api/whatsapp/${id}/send`, { body })).body.scheduledAt;
    };
    expect(await at(`${day}T09:00`)).toBe(`${day}T03:30:00.000Z`);
    expect(await at(`${day}T09:00:00+01:00`)).toBe(`${day}T08:00:00.000Z`);
    await set({ timezone: null });
    const body = { phone: bob.number, message: "later", sendAt: `${day}T09:00` };
    const refused = await gate.api("POST", `/api/whatsapp/${id}/send`, { body });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("no timezone");
  });

  test("the settings are shown as they apply, with their sources, and a change is an event", async () => {
    await set({ timezone: "Europe/Berlin", pace: { perMinute: 30 }, retention: { messages: 3 } });
    const { data } = (await gate.api("GET", `${paths.gateway()}/settings`)).body;
    expect(data).toMatchObject({
      timezone: { value: "Europe/Berlin", source: "instance" },
      ignore: { value: { groups: false }, source: "default" },
      presence: { value: "unavailable", source: "default" },
      history: { value: "recent", source: "instance" },
      "pace.perMinute": { value: 30, source: "instance" },
      "pace.jitter": { value: 0.3, source: "default" },
      "retention.messages": { value: 3, source: "instance" },
      "retention.events": { value: 30, source: "gateway" },
    });
    const changes = async () =>
      (await gate.api("GET", `/api/instances/${id}/events?types=instance.updated&limit=1000`)).body.events;
    expect((await changes()).at(-1).data.changed.toSorted()).toEqual(["pace", "retention", "timezone"]);
    await set({ timezone: null, pace: null, retention: null });
  });
});

test("an endpoint of the Multi-Instance API gets calls, groups and status posts if it chooses them", async () => {
  const other = await gate.wa.addPhone({ number: "4915550700004", pushName: "Other" });
  const instance = await gate.linked(other, "multi-instance", { rejectCalls: true });
  const chosen = ["call_received", "call_rejected", "group_joined", "group_updated", "status_received"];
  const added = await gate.api("POST", `/api/instances/${instance}/webhooks`, {
    body: { url: gate.receiver.url, events: chosen, headers: { "x-endpoint": "chosen" } },
  });
  expect(added.status).toBe(201);
  const received = (event: string) =>
    gate.receiver.deliveries.filter(
      (one) =>
        one.body.event === event && one.body.data.instanceId === instance && one.headers["x-endpoint"] === "chosen",
    );
  const call = startCall(bob, other.number);
  const group = bob.createGroup("Chosen", [other.number]);
  const post = await bob.sendText(statusChat, "a post", { audience: [other.number] });
  for (const event of chosen.filter((name) => name !== "group_updated")) await until(async () => received(event)[0]);
  expect(received("call_received")[0]?.body.data).toMatchObject({ callId: call.id, rejected: true });
  expect(received("call_rejected")[0]?.body.data).toMatchObject({ by: "api", automatic: true });
  expect(received("group_joined")[0]?.body.data).toMatchObject({ groupId: group.jid });
  expect(received("status_received")[0]?.body.data).toMatchObject({
    ...{ messageId: post.id, from: bob.jid, body: "a post", chatId: statusChat, phoneNumber: bob.number },
  });
  const byDefault = gate.receiver.deliveries.filter(
    ({ body, headers }) => body.data.instanceId === instance && headers["x-endpoint"] === undefined,
  );
  expect(byDefault.filter(({ body }) => chosen.includes(body.event))).toEqual([]);
});

test("the session makes no complaint", () => expectNoComplaints(gate.wa));
