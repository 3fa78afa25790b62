import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { deleteExpired } from "../../../core/retention/index.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";
import {
  archiveChat,
  chatOf,
  clearChat,
  keepArchived,
  markChat,
  messagesOf,
  muteChat,
  pinChat,
  timerOf,
} from "../../../simulator/phone/owner/chats.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let group: Group;
/** Both are linked to the owner's phone, so each sees what the other does as a change by another device. */
let ids: Record<Dialect, string>;
let id: string;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550500002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550500003", pushName: "Carol" });
  const history = [
    { with: bob.number, unread: 1, messages: [{ text: "read long ago", timestamp: 1_700_000_000 }] },
    { with: carol.number, messages: [{ text: "read too", timestamp: 1_700_000_100 }] },
  ];
  owner = await gate.wa.addPhone({ number: "4915550500001", pushName: "Owner", history });
  // What the phone did before the link.
  pinChat(owner, carol.lidJid);
  const gateway = await gate.linked(owner, "gateway");
  ids = { gateway, "multi-instance": await gate.linked(owner, "multi-instance", { history: "recent" }) };
  id = gateway;
  group = bob.createGroup("Crew", [owner.number, carol.number]);
  await bob.sendText(group.jid, "hello all");
  for (const phone of [bob, carol]) await phone.sendText(owner.number, "hello");
  for (const dialect of ["gateway", "multi-instance"] as const)
    await until(async () => (await list(dialect, "limit=100")).length >= 3 || undefined);
}, 120_000);
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await gate?.stop();
});

interface Shown {
  [field: string]: unknown;
  id: string;
  unreadCount: number;
}
const page = async (dialect: Dialect, query = "") => {
  const path = dialect === "gateway" ? `/api/message/chats/${ids.gateway}` : `/api/instances/${ids[dialect]}/chats`;
  return (await gate.api("GET", `${path}?${query}`)).body;
};
const list = async (dialect: Dialect, query = ""): Promise<Shown[]> => {
  const body = await page(dialect, query);
  return dialect === "gateway" ? body.data : body.chats;
};
const chat = async (jid: string, dialect: Dialect = "gateway") =>
  (await list(dialect, "limit=100")).find((one) => one.id === jid);
/** Waits until the list of an instance shows the chat like this. */
const shows = (jid: string, state: object, dialect: Dialect = "gateway") =>
  until(async () => {
    const shown = await chat(jid, dialect);
    return Object.entries(state).every(([field, value]) => shown?.[field] === value) || undefined;
  });
const ask = (rest: string, body: object, on = id) => gate.api("PUT", `/api/chats/${on}/${rest}`, { body });
const holds = (what: () => unknown) => until(async () => what() || undefined);

/** The changes of a chat that webhooks of an instance have announced, oldest first. */
const announced = (dialect: Dialect, jid: string) =>
  gate.receiver.deliveries
    .filter(({ body }) => body.event === (dialect === "gateway" ? "chat.update" : "chat_updated"))
    .map(({ body }) => body.data)
    .filter((data) => data.instanceId === ids[dialect] && data.chatId === jid);
const announces = (dialect: Dialect, jid: string, changes: object, source: "phone" | "api") =>
  until(async () => {
    const wanted = { source, fromMe: true, by: owner.jid, ...changes };
    const found = announced(dialect, jid).some((data) => {
      const told: Record<string, unknown> = { ...data, by: data.by?.id, ...data.changes };
      return Object.entries(wanted).every(([field, value]) => told[field] === value);
    });
    return found || undefined;
  });

test("a chat that was pinned before the link is pinned, under its number", async () => {
  await shows(carol.jid, { pinned: true, archived: false, muted: false });
  expect(announced("gateway", carol.jid).filter(({ changes }) => "pinned" in changes)).toEqual([]);
});

describe("a change of the API", () => {
  test.each([
    ["archive", { archived: true }, { archived: true }, { archived: true }],
    ["archive", { archived: false }, { archived: false }, { archived: false }],
    ["pin", { pinned: true }, { pinned: true }, { pinned: true }],
    ["pin", { pinned: false }, { pinned: false }, { pinned: false }],
    ["mute", { muted: true }, { muted: true, mutedUntil: null }, { mutedUntil: -1 }],
    ["mute", { muted: false }, { muted: false, mutedUntil: null }, { mutedUntil: undefined }],
    ["read", { read: false }, { markedUnread: true }, { markedUnread: true }],
    ["read", { read: true }, { markedUnread: false, unreadCount: 0 }, { markedUnread: false }],
  ])("%s %o is visible at once, then on the phone and on other devices", async (action, body, state, onPhone) => {
    expect(await ask(`${bob.number}/${action}`, body)).toMatchObject({
      status: 200,
      body: { success: true, data: { chatId: bob.jid, ...body } },
    });
    expect(await chat(bob.jid)).toMatchObject(state);
    await holds(() =>
      Object.entries(onPhone).every(([field, value]) => chatOf(owner, bob.jid)[field as "id"] === value),
    );
    await shows(bob.jid, state, "multi-instance");
    const { unreadCount: _, ...changes } = state as Record<string, unknown>;
    await announces("gateway", bob.jid, changes, "api");
    await announces("multi-instance", bob.jid, changes, "phone");
  });

  test("a chat is muted without an end, until a time, and unmuted", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect(await ask(`${carol.jid}/mute`, { muted: true, until })).toMatchObject({
      body: { data: { muted: true, mutedUntil: until } },
    });
    await holds(() => chatOf(owner, carol.lidJid).mutedUntil === Date.parse(until));
    await shows(carol.jid, { muted: true, mutedUntil: until }, "multi-instance");
    for (const wrong of [new Date(Date.now() - 1000).toISOString(), "9999-12-31T23:59:59-14:00"])
      expect(await ask(`${carol.jid}/mute`, { muted: true, until: wrong })).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
    await gate.db.sql`update chats set muted_until = now() - interval '1 second' where chat_id = ${carol.jid}`;
    expect(await chat(carol.jid)).toMatchObject({ muted: false, mutedUntil: null });
    expect(await ask(`${carol.jid}/mute`, { muted: false })).toMatchObject({ status: 200 });
    await holds(() => chatOf(owner, carol.lidJid).mutedUntil === undefined);
  });

  test("the phone takes each change of the API without a complaint", async () => {
    for (const [action, body] of [
      ["archive", { archived: true }],
      ["archive", { archived: false }],
      ["read", { read: false }],
      ["read", { read: true }],
    ] as const)
      expect((await ask(`${group.jid}/${action}`, body)).status, action).toBe(200);
    await holds(() => !chatOf(owner, group.jid).markedUnread);
    const { messageRange } = owner.appState.get("archive", group.jid)?.archiveChatAction ?? {};
    expect(messageRange?.messages?.[0]?.key).toMatchObject({ remoteJid: group.jid, participant: bob.lidJid });
    expectNoComplaints(gate.wa);
  });

  test("a group that the account is not in, and a number without WhatsApp, are refused", async () => {
    const strange = carol.createGroup("Others", [bob.number]);
    expect(await ask(`${strange.jid}/archive`, { archived: true })).toMatchObject({ status: 403 });
    expect(await ask("4915550999998/pin", { pinned: true })).toMatchObject({
      body: { code: "recipient_not_on_whatsapp" },
    });
  });

  test("changes of the API and the phone at the same moment are both kept", async () => {
    for (const turn of [true, false]) {
      const answer = ask(`${bob.jid}/pin`, { pinned: turn });
      archiveChat(owner, group.jid, turn);
      expect((await answer).status).toBe(200);
      await holds(() => chatOf(owner, bob.jid).pinned === turn);
      await shows(group.jid, { archived: turn });
      await shows(bob.jid, { pinned: turn });
    }
  });
});

test("archiving a pinned chat unpins it, from the API and from the phone", async () => {
  for (const archived of [
    () => ask(`${bob.jid}/archive`, { archived: true }),
    async () => archiveChat(owner, bob.jid),
  ]) {
    expect((await ask(`${bob.jid}/pin`, { pinned: true })).status).toBe(200);
    expect(await chat(bob.jid)).toMatchObject({ pinned: true, archived: false });
    await archived();
    await shows(bob.jid, { pinned: false, archived: true });
    await holds(() => owner.appState.get("pin_v1", bob.jid)?.pinAction?.pinned === false);
  }
  await ask(`${bob.jid}/archive`, { archived: false });
});

test.each([
  ["archive", { archived: true }, "pin", { pinned: true }, { pinned: false, archived: false }],
  ["pin", { pinned: true }, "archive", { archived: true }, { pinned: false, archived: false }],
])("%s of which WhatsApp refuses the second step shows the first step", async (action, body, before, first, state) => {
  expect((await ask(`${carol.jid}/${before}`, first)).status).toBe(200);
  let patches = 0;
  gate.wa.device(owner.number).faults.iq.add({
    code: 403,
    xmlns: "w:sync:app:state",
    matches: (iq) => JSON.stringify(iq.content).includes('"patch"') && ++patches === 2,
  });
  expect(await ask(`${carol.jid}/${action}`, body)).toMatchObject({ status: 502, body: { code: "whatsapp_error" } });
  await shows(carol.jid, state);
  await shows(carol.jid, state, "multi-instance");
  await announces("gateway", carol.jid, { [before === "pin" ? "pinned" : "archived"]: false }, "api");
});

test.each([
  ["archives", (phone: Phone, jid: string) => archiveChat(phone, jid), { archived: true }],
  ["takes out of the archive", (phone: Phone, jid: string) => archiveChat(phone, jid, false), { archived: false }],
  ["pins", (phone: Phone, jid: string) => pinChat(phone, jid), { pinned: true }],
  ["unpins", (phone: Phone, jid: string) => pinChat(phone, jid, false), { pinned: false }],
  ["mutes", (phone: Phone, jid: string) => muteChat(phone, jid, -1), { muted: true, mutedUntil: null }],
  ["unmutes", (phone: Phone, jid: string) => muteChat(phone, jid, null), { muted: false, mutedUntil: null }],
  ["marks as unread", (phone: Phone, jid: string) => markChat(phone, jid, false), { markedUnread: true }],
  ["marks as read", (phone: Phone, jid: string) => markChat(phone, jid, true), { markedUnread: false }],
])(
  "a chat that the owner %s on the phone is so in the list and in the events of both dialects",
  async (_, act, state) => {
    act(owner, group.jid);
    for (const dialect of ["gateway", "multi-instance"] as const) {
      await shows(group.jid, state, dialect);
      await announces(dialect, group.jid, state, "phone");
    }
  },
);

test("the API sets the timer of a chat with one person, and of a group", async () => {
  for (const seconds of [604_800, 0]) {
    expect(await ask(`${bob.number}/timer`, { seconds })).toMatchObject({
      status: 200,
      body: { data: { chatId: bob.jid, ephemeral: seconds } },
    });
    expect(await gate.api("GET", `/api/chats/${id}/${bob.number}`)).toMatchObject({
      body: { data: { id: bob.jid, name: "Bob", ephemeral: seconds } },
    });
    await holds(() => timerOf(bob, owner.jid) === seconds && timerOf(owner, bob.jid) === seconds);
    await shows(bob.jid, { ephemeral: seconds }, "multi-instance");
    await announces("gateway", bob.jid, { ephemeral: seconds }, "api");
    const sent = await gate.api("POST", "/api/message/send/text", {
      body: { instanceId: id, to: bob.number, message: "timed" },
    });
    const { message } = await bob.waitFor((one) => one.id === sent.body.data.messageId);
    expect(message.extendedTextMessage?.contextInfo?.expiration ?? 0).toBe(seconds);
  }
  const own = owner.createGroup("Mine", [bob.number]);
  await owner.sendText(own.jid, "first");
  await shows(own.jid, { isGroup: true });
  expect(await ask(`${own.jid}/timer`, { seconds: 86_400 })).toMatchObject({ status: 200 });
  expect(gate.wa.world.groups.get(own.jid)?.ephemeral).toBe(86_400);
  for (const dialect of ["gateway", "multi-instance"] as const) await shows(own.jid, { ephemeral: 86_400 }, dialect);
  expect(await gate.api("GET", `/api/chats/${id}/4915550999997`)).toMatchObject({
    status: 404,
    body: { code: "chat_not_found" },
  });
});

describe("the number of unread messages", () => {
  let dave: Phone;
  beforeAll(async () => {
    dave = await gate.wa.addPhone({ number: "4915550500004", pushName: "Dave" });
  });
  const counts = (unreadCount: number, jid = dave.jid) =>
    Promise.all((["gateway", "multi-instance"] as const).map((dialect) => shows(jid, { unreadCount }, dialect)));
  const atOwner = (text: string) => owner.waitFor((message) => message.text === text);

  test("counts messages, and neither reactions nor own messages nor deleted messages", async () => {
    const first = await dave.sendText(owner.number, "one");
    const second = await dave.sendText(owner.number, "two");
    await counts(2);
    await dave.react(await dave.sendText(owner.number, "three"), "👍");
    await counts(3);
    await gate.api("POST", "/api/message/send/text", { body: { instanceId: id, to: dave.number, message: "mine" } });
    await owner.sendText(dave.number, "mine too");
    await shows(dave.jid, { messageCount: 5 });
    expect(await chat(dave.jid)).toMatchObject({ unreadCount: 3 });
    await dave.revoke(second);
    await counts(2);
    await dave.revoke(first);
    await counts(1);
  });

  test("messages that the owner reads on the phone no longer count", async () => {
    await dave.sendText(owner.number, "four");
    const last = await dave.sendText(owner.number, "five");
    await counts(3);
    await atOwner("five");
    owner.markRead(
      ...owner.inbox.messages.filter((message) => message.chat === dave.jid && !message.fromMe && !message.read),
    );
    await counts(0);
    await dave.waitForStatus(last, "read");
    await announces("gateway", dave.jid, { unreadCount: 0 }, "phone");
    await bob.sendText(group.jid, "in the group");
    await until(async () => ((await chat(group.jid))?.unreadCount ?? 0) > 0 || undefined);
    owner.markRead(await atOwner("in the group"));
    await counts(0, group.jid);
  });

  test("messages that the API reads no longer count, and are read on the phone", async () => {
    const ways = [
      (messageIds: string[]) => gate.api("POST", `/api/whatsapp/${id}/read`, { body: { messageIds } }),
      () => gate.api("POST", "/api/message/seen", { body: { instanceId: id, chatId: dave.jid } }),
      () => ask(`${dave.jid}/read`, { read: true }),
    ];
    for (const read of ways) {
      const first = await dave.sendText(owner.number, "six");
      const last = await dave.sendText(owner.number, `seven ${ways.indexOf(read)}`);
      await counts(2);
      expect((await read([first.id, last.id])).status).toBe(200);
      expect(await chat(dave.jid)).toMatchObject({ unreadCount: 0 });
      await dave.waitForStatus(last, "read");
      await counts(0);
      await holds(() => owner.inbox.messages.find((message) => message.id === last.id)?.read);
    }
    await announces("gateway", dave.jid, { unreadCount: 0 }, "api");
  });

  test("a chat is read without receipts to the senders", async () => {
    const quiet = await dave.sendText(owner.number, "quiet");
    await counts(1);
    expect(await ask(`${dave.jid}/read`, { read: true, receipts: false })).toMatchObject({
      body: { data: { read: true, messages: 0 } },
    });
    await counts(0);
    expect(dave.sent.get(quiet.id)?.status).toBe("delivered");
  });
});

describe("a chat that is cleared or deleted", () => {
  const newPhone = phoneSeries(() => gate.wa, "49155505010");
  /** Returns the texts in the history of an instance. */
  const textsOf = async (jid: string, dialect: Dialect = "gateway"): Promise<string[]> =>
    (await gate.api("GET", `/api/message/chat/${ids[dialect]}/${jid}`)).body.data.map(
      (one: { body: string }) => one.body,
    );
  const gone = (jid: string, dialect: Dialect) =>
    until(async () => (!(await chat(jid, dialect)) && (await textsOf(jid, dialect)).length === 0) || undefined);
  /** Sends a message at a later second than all before. */
  const later = async (phone: Phone, text: string) => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await phone.sendText(owner.number, text);
  };
  const dialects = ["gateway", "multi-instance"] as const;

  test.each(["clear", "delete"])(
    "the API %s a chat: its messages are gone at once, on the phone, and for good",
    async (action) => {
      const eve = await newPhone();
      await eve.sendText(owner.number, "old");
      for (const dialect of dialects) await shows(eve.jid, { unreadCount: 1 }, dialect);
      await owner.waitFor((message) => message.chat === eve.jid);
      const path = `/api/chats/${id}/${eve.number}`;
      const answer = action === "clear" ? await gate.api("POST", `${path}/clear`) : await gate.api("DELETE", path);
      expect(answer).toMatchObject({ status: 200, body: { data: { chatId: eve.jid } } });
      expect([await chat(eve.jid), await textsOf(eve.jid)]).toEqual([undefined, []]);
      await holds(() => messagesOf(owner, eve.jid).length === 0);
      for (const dialect of dialects) await gone(eve.jid, dialect);
      const announcement = action === "clear" ? { cleared: true } : { deleted: true };
      await announces("gateway", eve.jid, { ...announcement, unreadCount: 0 }, "api");
      await announces("multi-instance", eve.jid, { ...announcement, unreadCount: 0 }, "phone");
      await later(eve, "new");
      for (const dialect of dialects) await shows(eve.jid, { unreadCount: 1 }, dialect);
      expect(await textsOf(eve.jid)).toEqual(["new"]);
      const { db } = gate;
      const storage = { removeMany: async () => undefined };
      const retention = { messages: null, files: null, events: 30, deliveries: 30, audit: 30 };
      await deleteExpired(
        { db, storage, clock: { now: () => new Date() }, log: createLogger("test", "silent"), retention },
        10_000,
      );
      expect(await db.sql`select body from messages where chat_id = ${eve.jid} group by body`).toEqual([
        { body: "new" },
      ]);
      expect(await db.sql`select 1 from chats where chat_id = ${eve.jid} and cleared_at is not null`).toEqual([]);
      expect(await chat(eve.jid)).toMatchObject({ messageCount: 1, unreadCount: 1 });
    },
  );

  /** Runs `during` while the command `name` is accepted and waits for WhatsApp's answer to an earlier one. */
  const behind = async <T>(name: string, request: () => Promise<T>, during: () => Promise<void>): Promise<T> => {
    const { answers } = gate.wa.device(owner.number).faults;
    answers.begin("w:sync:app:state");
    const first = ask(`${bob.number}/pin`, { pinned: true });
    await holds(() => answers.count("w:sync:app:state"));
    const answer = request();
    const open = () => gate.db.sql`select 1 from commands where name = ${name} and status in ('queued', 'claimed')`;
    await until(async () => (await open()).length > 0 || undefined);
    await during();
    answers.end("w:sync:app:state");
    expect((await first).status).toBe(200);
    return await answer;
  };
  const deleteCleared = () =>
    deleteExpired(
      {
        ...{ db: gate.db, storage: { removeMany: async () => undefined }, clock: { now: () => new Date() } },
        ...{ log: createLogger("test", "silent") },
        retention: { messages: null, files: null, events: 30, deliveries: 30, audit: 30 },
      },
      10_000,
    );

  test.each([
    ["POST", "clear"],
    ["DELETE", ""],
  ] as const)("%s %s removes no message that arrives after the request", async (method, action) => {
    const eve = await newPhone();
    await eve.sendText(owner.number, "older");
    await later(eve, "old");
    for (const dialect of dialects) await shows(eve.jid, { unreadCount: 2 }, dialect);
    const { db } = gate;
    await db.sql`
      update messages set sent_at = sent_at - interval '1 hour', created_at = created_at - interval '1 hour'
      where chat_id = ${eve.jid} and body = 'older'`;
    const path = `/api/chats/${id}/${eve.number}${action && `/${action}`}`;
    const answer = await behind(
      action ? "chat.clear" : "chat.delete",
      () => gate.api(method, path),
      async () => {
        for (const text of ["unseen", "late"]) await eve.sendText(owner.number, text);
        for (const dialect of dialects) await shows(eve.jid, { unreadCount: 4 }, dialect);
        await db.sql`
          update messages set sent_at = sent_at - interval '1 hour' where chat_id = ${eve.jid} and body = 'late'`;
      },
    );
    expect(answer.status).toBe(200);
    const stay = ["unseen", "late"];
    expect(await textsOf(eve.jid)).toEqual(stay);
    expect(await chat(eve.jid)).toMatchObject({ unreadCount: 2, lastMessage: { body: "unseen" } });
    await holds(() => messagesOf(owner, eve.jid).length === 2);
    expect(messagesOf(owner, eve.jid).map(({ text }) => text)).toEqual(stay);
    await until(async () => (await textsOf(eve.jid, "multi-instance"))[0] === "unseen" || undefined);
    await deleteCleared();
    expect(await textsOf(eve.jid)).toEqual(stay);
    expect(await chat(eve.jid)).toMatchObject({ messageCount: 2, unreadCount: 2 });
  });

  test("PUT read leaves a message unread that arrives after the request", async () => {
    const eve = await newPhone();
    const seen = await eve.sendText(owner.number, "seen");
    await shows(eve.jid, { unreadCount: 1 });
    const answer = await behind(
      "chat.setRead",
      () => ask(`${eve.number}/read`, { read: true }),
      async () => {
        await eve.sendText(owner.number, "unseen");
        await shows(eve.jid, { unreadCount: 2 });
      },
    );
    expect(answer).toMatchObject({ status: 200, body: { data: { messages: 1 } } });
    expect(await chat(eve.jid)).toMatchObject({ unreadCount: 1 });
    expect(
      await gate.db.sql`
      select distinct body, unread, read_at is not null as read from messages
      where instance_id = ${id} and chat_id = ${eve.jid} order by body`,
    ).toEqual([
      { body: "seen", unread: false, read: true },
      { body: "unseen", unread: true, read: false },
    ]);
    await eve.waitForStatus(seen, "read");
    expect(await ask(`${eve.number}/read`, { read: true })).toMatchObject({ body: { data: { messages: 1 } } });
  });

  test("a scheduled or canceled message is not the newest one, and a clear removes a canceled one", async () => {
    const eve = await newPhone();
    const schedule = async (message: string) => {
      const sendAt = new Date(Date.now() + 30 * 86_400_000).toISOString();
      const body = { phone: eve.number, message, sendAt };
      return (await gate.api("POST", `/api/whatsapp/${id}/send`, { body })).body.id as string;
    };
    const canceled = await schedule("canceled");
    await schedule("scheduled");
    expect(await chat(eve.jid)).toBeUndefined();
    expect((await gate.api("DELETE", `/api/whatsapp/${id}/scheduled/${canceled}`)).status).toBe(200);
    expect(await chat(eve.jid)).toBeUndefined();
    await eve.sendText(owner.number, "hello");
    await shows(eve.jid, { unreadCount: 1 });
    expect(await chat(eve.jid)).toMatchObject({ lastMessage: { body: "hello" } });
    expect((await gate.api("POST", `/api/chats/${id}/${eve.number}/clear`)).status).toBe(200);
    expect(await textsOf(eve.jid)).toEqual(["scheduled"]);
    await deleteCleared();
    expect(await textsOf(eve.jid)).toEqual(["scheduled"]);
    expect(await chat(eve.jid)).toBeUndefined();
  });

  test.each([
    ["clears", { cleared: true }],
    ["deletes", { deleted: true }],
  ])(
    "a chat that the owner %s on the phone leaves the list and the history of both dialects",
    async (does, changes) => {
      const eve = await newPhone();
      await eve.sendText(owner.number, "old");
      for (const dialect of dialects) await shows(eve.jid, { unreadCount: 1 }, dialect);
      await owner.waitFor((message) => message.chat === eve.jid);
      clearChat(owner, eve.number, { delete: does === "deletes" });
      for (const dialect of dialects) {
        await gone(eve.jid, dialect);
        await announces(dialect, eve.jid, changes, "phone");
      }
    },
  );
});

describe("a message in an archived chat", () => {
  const newPhone = phoneSeries(() => gate.wa, "49155505020");
  const dialects = ["gateway", "multi-instance"] as const;
  const archive = async (phone: Phone, by: "api" | "phone") => {
    if (by === "api") expect((await ask(`${phone.number}/archive`, { archived: true })).status).toBe(200);
    else archiveChat(owner, phone.jid);
    for (const dialect of dialects) await shows(phone.jid, { archived: true }, dialect);
    await holds(() => chatOf(owner, phone.jid).archived);
  };
  const writesTo = async (phone: Phone) => {
    const body = { instanceId: id, to: phone.number, message: "from the API" };
    expect(await gate.api("POST", "/api/message/send/text", { body })).toMatchObject({ body: { success: true } });
  };

  test("leaves it archived as long as the owner keeps chats archived", async () => {
    const dan = await newPhone();
    await dan.sendText(owner.number, "before");
    for (const dialect of dialects) await shows(dan.jid, { unreadCount: 1 }, dialect);
    await archive(dan, "phone");
    await dan.sendText(owner.number, "after");
    for (const dialect of dialects) await shows(dan.jid, { unreadCount: 2, archived: true }, dialect);
    expect(chatOf(owner, dan.jid).archived).toBe(true);
  });

  describe("of an owner who doesn't keep chats archived", () => {
    beforeAll(async () => {
      const isSet = async (dialect: Dialect) => {
        const dan = await newPhone();
        await dan.sendText(owner.number, "before");
        await shows(dan.jid, { unreadCount: 1 }, dialect);
        archiveChat(owner, dan.jid);
        await shows(dan.jid, { archived: true }, dialect);
        await dan.sendText(owner.number, "after");
        await shows(dan.jid, { unreadCount: 2 }, dialect);
        return (await chat(dan.jid, dialect))?.archived === false;
      };
      keepArchived(owner, false);
      for (const dialect of dialects) await until(async () => (await isSet(dialect)) || undefined);
    }, 60_000);
    afterAll(() => keepArchived(owner, true));

    test.each([
      ["api", "the person writes", (dan: Phone) => dan.sendText(owner.number, "new")],
      ["phone", "the person writes", (dan: Phone) => dan.sendText(owner.number, "new")],
      ["api", "the owner writes on the phone", (dan: Phone) => owner.sendText(dan.number, "own")],
      ["phone", "the API writes", writesTo],
    ] as const)("that the %s archived leaves the archive when %s", async (by, _, act) => {
      const dan = await newPhone();
      await dan.sendText(owner.number, "old");
      for (const dialect of dialects) await shows(dan.jid, { unreadCount: 1 }, dialect);
      await archive(dan, by);
      await act(dan);
      for (const dialect of dialects) {
        await shows(dan.jid, { archived: false }, dialect);
        await until(async () => {
          const last = announced(dialect, dan.jid).at(-1);
          return (last?.changes.archived === false && last.by === null && !last.fromMe) || undefined;
        });
      }
      await holds(() => !chatOf(owner, dan.jid).archived);
    });

    test("leaves the archive when the person reacts to a message of the owner, not to one of their own", async () => {
      const dan = await newPhone();
      const own = await dan.sendText(owner.number, "mine");
      const sent = await owner.sendText(dan.number, "yours");
      for (const dialect of dialects) await shows(dan.jid, { messageCount: 2 }, dialect);
      await archive(dan, "phone");
      const [mine, yours] = [dan.sent.get(own.id), await dan.waitFor(({ id: one }) => one === sent.id)];
      if (!mine) throw new Error("the message is not stored");
      await dan.react(mine, "👍");
      await dan.react(yours, "👍");
      for (const dialect of dialects) {
        await shows(dan.jid, { archived: false }, dialect);
        expect(announced(dialect, dan.jid).filter(({ changes }) => changes.archived === false)).toHaveLength(1);
      }
      await holds(() => !chatOf(owner, dan.jid).archived);
    });
  });
});

test.each(["api", "phone"])(
  "a chat that the %s deletes is neither pinned nor muted nor archived when it returns",
  async (by) => {
    const [pinned, archived] = await Promise.all(
      [1, 2].map((n) => gate.wa.addPhone({ number: `491555050300${n}${by.length}` })),
    );
    if (!pinned || !archived) throw new Error("no phones");
    for (const phone of [pinned, archived]) {
      await phone.sendText(owner.number, "old");
      await shows(phone.jid, { unreadCount: 1 });
      expect((await ask(`${phone.number}/mute`, { muted: true })).status).toBe(200);
    }
    expect((await ask(`${pinned.number}/pin`, { pinned: true })).status).toBe(200);
    expect((await ask(`${archived.number}/archive`, { archived: true })).status).toBe(200);
    const before = [
      [pinned, { pinned: true, muted: true }],
      [archived, { archived: true, muted: true }],
    ] as const;
    for (const [phone, state] of before) {
      for (const dialect of ["gateway", "multi-instance"] as const) await shows(phone.jid, state, dialect);
      await holds(() => chatOf(owner, phone.jid).mutedUntil === -1);
      if (by === "api") expect((await gate.api("DELETE", `/api/chats/${id}/${phone.number}`)).status).toBe(200);
      else clearChat(owner, phone.jid, { delete: true });
      const changes = Object.fromEntries(Object.keys(state).map((field) => [field, false]));
      await announces("gateway", phone.jid, { ...changes, deleted: true }, by === "api" ? "api" : "phone");
      await holds(() => messagesOf(owner, phone.jid).length === 0);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await phone.sendText(owner.number, "new");
      const none = { archived: false, pinned: false, muted: false };
      for (const dialect of ["gateway", "multi-instance"] as const) await shows(phone.jid, none, dialect);
      expect(chatOf(owner, phone.jid)).toMatchObject({ archived: false, pinned: false, mutedUntil: undefined });
    }
  },
);
