import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import {
  type Body,
  type LinkedGateway,
  rejectionOf,
  startLinkedGateway,
} from "../../support/gateway/linked-gateway.ts";
import { type Messenger, messenger } from "../../support/gateway/message-api.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let gate: LinkedGateway["gate"];
let owner: Phone;
let bob: Phone;
let carol: Phone;
let group: LinkedGateway["group"];
let instance: string;
let client: LinkedGateway["client"];
let ask: Messenger["ask"];
let send: Messenger["send"];
let received: Messenger["received"];

beforeAll(async () => {
  linked = await startLinkedGateway("gateway", { "/hangs": { hangs: true } });
  ({ gate, owner, bob, carol, group, instance, client } = linked);
  ({ ask, send, received } = messenger(linked));
});
afterAll(() => linked?.stop());

describe("actions on a chat", () => {
  test("a read request marks one message, or all unread messages of the chat, as read", async () => {
    const [first, second, third] = [
      await received(carol, "first"),
      await received(carol, "second"),
      await received(carol, "third"),
    ];
    const one = await ask("POST", "seen", { chatId: carol.jid, messageId: first });
    expect([one.status, one.body.data]).toEqual([200, { chatId: carol.jid, messages: 1 }]);
    await carol.waitForStatus(first, "read");
    expect((await ask("POST", "seen", { chatId: carol.number })).body.data.messages).toBe(2);
    await Promise.all([second, third].map((id) => carol.waitForStatus(id, "read")));
  });

  test("the recipient sees typing start and stop", async () => {
    const start = await ask("POST", "typing/start", { chatId: bob.jid });
    const stop = await ask("POST", "typing/stop", { chatId: bob.jid });
    expect([start.body.data, stop.body.data]).toEqual([
      { chatId: bob.jid, typing: true },
      { chatId: bob.jid, typing: false },
    ]);
    await until(async () => bob.typing.length === 2 || undefined);
    expect(bob.typing.map(({ state }) => state)).toEqual(["composing", "paused"]);
  });
});

describe("a message with a delay or typing", () => {
  /** What Bob sees from the owner: typing states and texts, in order. */
  const watch = () => {
    const seen: string[] = [];
    const from = bob.typing.length;
    const stop = bob.onMessage(({ text, kind }) => {
      seen.push(...bob.typing.slice(from).map(({ state }) => state), text || kind);
    });
    return { seen, stop };
  };

  test.each<[string, string, () => Body, string[]]>([
    ["a text", "message/send/text", () => ({ to: bob.jid, message: "typed" }), ["composing", "paused", "typed"]],
    [
      "a voice note",
      "message/send/voice",
      () => ({ to: bob.jid, audio: linked.files.url("/a.ogg") }),
      ["recording", "paused", "audio"],
    ],
    ["a text", "whatsapp/{id}/send", () => ({ phone: bob.number, message: "typed" }), ["composing", "paused", "typed"]],
  ])("the recipient sees typing before %s of %s", async (_what, path, body, expected) => {
    const { seen, stop } = watch();
    const answer = await gate.api("POST", `/api/${path.replace("{id}", instance)}`, {
      body: { ...(path.includes("{id}") ? {} : { instanceId: instance }), ...body(), typing: 50, delay: 20 },
    });
    expect(answer.status).toBeLessThan(300);
    await until(async () => seen.length > 0 || undefined);
    stop();
    expect(seen).toEqual(expected);
  });

  test.each<[string, Body]>([
    ["a negative delay", { delay: -1 }],
    ["a delay of more than a minute", { delay: 60_001 }],
    ["typing for more than a minute", { typing: 60_001 }],
    ["typing for a part of a millisecond", { typing: 0.5 }],
  ])("rejects %s", async (_what, body) => {
    expect(rejectionOf(await ask("POST", "send/text", { to: bob.jid, message: "x", ...body }))).toEqual([
      400,
      "invalid_request",
    ]);
  });
});

describe("actions on a message", () => {
  test("a message gets a reaction, and an empty reaction removes it", async () => {
    const arrived = await send("send/text", { message: "like it?" });
    const body = { chatId: bob.jid, messageId: arrived.id };
    const answer = await ask("PUT", "reaction", { ...body, emoji: "👍" });
    expect(answer).toMatchObject({
      status: 200,
      body: { data: { messageId: arrived.id, emoji: "👍", reactionId: expect.any(String) } },
    });
    await until(async () => arrived.reactions.length > 0 || undefined);
    expect(arrived.reactions).toEqual([{ from: owner.jid, emoji: "👍" }]);
    expect((await ask("PUT", "reaction", { ...body, emoji: "" })).status).toBe(200);
    await until(async () => arrived.reactions.length === 0 || undefined);
  });

  test("a message is deleted for everyone", async () => {
    const arrived = await send("send/text", { message: "oops" });
    const path = `/api/message/${instance}/${arrived.id}`;
    const deleted = await gate.api("DELETE", `${path}?chatId=${bob.number}`);
    expect([deleted.status, deleted.body.data]).toEqual([200, { messageId: arrived.id }]);
    await until(async () => arrived.deleted || undefined);
    expect(rejectionOf(await gate.api("DELETE", path))).toEqual([404, "message_not_found"]);
  });

  test("a message is starred and unstarred on the owner's phone, in a group with its author", async () => {
    const starred = (...index: string[]) => owner.appState.get("star", ...index)?.starAction?.starred;
    const ours = await send("send/text", { message: "remember" });
    const theirs = await received(carol, "remember, too", group.jid);
    const star = async (chatId: string, messageId: string, on: boolean) => {
      const answer = await ask("PUT", "star", { chatId, messageId, star: on });
      expect([answer.status, answer.body.data]).toEqual([200, { messageId, star: on }]);
    };
    await star(bob.jid, ours.id, true);
    await star(group.jid, theirs, true);
    expect(starred(bob.jid, ours.id, "1", "0")).toBe(true);
    expect(starred(group.jid, theirs, "0", carol.jid)).toBe(true);
    await star(bob.jid, ours.id, false);
    expect(starred(bob.jid, ours.id, "1", "0")).toBe(false);
  });
});

describe("editing a message", () => {
  const edit = (id: string, body: Body) => gate.api("PUT", `/api/message/${instance}/${id}`, { body });

  test("an edit changes the text on the recipient's phone and in the history", async () => {
    const message = await send("send/text", { message: "Helo" });
    const answer = await edit(message.id, { message: "Hello" });
    expect([answer.status, answer.body.data]).toEqual([200, { messageId: message.id }]);
    await until(async () => (message.text === "Hello" && message.edited) || undefined);
    expect((await client.history(bob.number)).find(({ id }) => id === message.id)?.body).toBe("Hello");
    expect((await edit(message.id, { message: "Hello!", chatId: bob.number })).status).toBe(200);
    await until(async () => message.text === "Hello!" || undefined);
  });

  test("an edit is rejected if the message is unknown or from another sender, or if the new text is empty", async () => {
    const { id } = await bob.sendText(owner.number, "mine");
    await client.reported("received", id);
    expect(rejectionOf(await edit(id, { message: "yours" }))).toEqual([403, "forbidden"]);
    expect(rejectionOf(await edit("3EB0UNKNOWN", { message: "x" }))).toEqual([404, "message_not_found"]);
    expect(rejectionOf(await edit(id, { message: "" }))).toEqual([400, "invalid_request"]);
    expect(rejectionOf(await edit(id, { message: "x", chatId: carol.number }))).toEqual([404, "message_not_found"]);
  });
});

test("the list of chats is ordered by the newest message and has names, counts and pages", async () => {
  const first = await received(carol, "a group's");
  const last = await received(bob, "the newest of all", group.jid);
  const page = async (query = "") => (await gate.api("GET", `/api/message/chats/${instance}${query}`)).body;
  // The name of a group is read in the background.
  const { data, pagination } = await until(async () => {
    const answer = await page();
    return answer.data.some((chat: { name: string }) => chat.name === "Crew") ? answer : undefined;
  });
  expect(pagination).toEqual({ total: 3, limit: 50, skip: 0, hasMore: false });
  expect(data.map((chat: { id: string }) => chat.id).sort()).toEqual([bob.jid, carol.jid, group.jid].sort());
  expect(data.find((chat: { id: string }) => chat.id === group.jid)).toMatchObject({
    name: "Crew",
    isGroup: true,
    messageCount: 2,
    lastMessage: { messageId: last, type: "text", body: "the newest of all", fromMe: false, status: "received" },
  });
  const counted = await client.history(carol.number, 1000);
  expect(data.find((chat: { id: string }) => chat.id === carol.jid)).toMatchObject({
    name: "Carol",
    isGroup: false,
    messageCount: counted.length,
    lastMessage: { messageId: first },
  });
  const times = data.map((chat: { lastMessage: { timestamp: string } }) => chat.lastMessage.timestamp);
  expect(times).toEqual([...times].sort().reverse());
  expect((await page("?limit=1&skip=1")).data).toEqual([data[1]]);
  expect((await page("?limit=1&skip=2")).pagination).toEqual({ total: 3, limit: 1, skip: 2, hasMore: false });
  expect(rejectionOf(await gate.api("GET", `/api/message/chats/${instance}?limit=0`))).toEqual([
    400,
    "invalid_request",
  ]);
});

describe("the waiting queue", () => {
  const path = () => `/api/instance/${instance}/queue`;
  const queue = async (query = "") => {
    const { status, body } = await gate.api("GET", `${path()}${query}`);
    expect(status).toBe(200);
    return body.data;
  };
  const waiting = async (query = "") =>
    (await queue(query)).messages.map(({ messageId, reason }: { messageId: string; reason: string }) => [
      messageId,
      reason,
    ]);
  const control = async (what: "pause" | "resume") =>
    expect((await gate.api("POST", `${path()}/${what}`)).status).toBe(200);
  const accepted = async (to: Phone, message: string, more: Body = {}): Promise<string> =>
    (await ask("POST", "send/text", { to: to.jid, message, ...more })).body.data.messageId;
  /** Waits until all of these messages are in the database with the reason `paused`. */
  const heldBack = (ids: string[]) =>
    vi.waitFor(async () => {
      const { messages } = await queue();
      const shown = new Map(messages.map((one: { messageId: string; reason: string }) => [one.messageId, one]));
      for (const id of ids) expect(shown.get(id)).toMatchObject({ reason: "paused", expectedAt: null });
      const listed = (await gate.api("GET", `/api/whatsapp/${instance}/scheduled`)).body.scheduled;
      for (const id of ids) expect(listed.some((one: { id: string }) => one.id === id)).toBe(true);
    }, 20_000);
  const webhook = (event: string) => gate.receiver.waitFor(({ body }) => body.event === event);

  test("paused sends wait across a restart while the instance receives, and go out in order when resumed", async () => {
    // With a gap, the order of the sends to several chats is visible.
    const pace = { minGapMs: 400, jitter: 0 };
    expect((await gate.api("PUT", `/api/instances/${instance}`, { body: { pace } })).status).toBe(200);
    await control("pause");
    await control("pause");
    expect((await webhook("instance.paused")).body.data).toMatchObject({ since: expect.any(String) });
    const first = await accepted(bob, "first");
    const second = await accepted(bob, "second");
    const high = await accepted(carol, "high", { priority: "high" });
    await heldBack([first, second, high]);
    const messages = [{ phone: carol.number }, { phone: bob.number }];
    const bulk = await gate.api("POST", `/api/whatsapp/${instance}/bulk`, {
      body: { message: "to many", recipients: messages, perMinute: 6000 },
    });
    expect(bulk.status).toBeLessThan(300);
    await received(bob, "still there?");
    const shown = await gate.api("GET", `/api/instances/${instance}`);
    expect(shown.body.sendsPausedAt).toEqual(expect.any(String));
    expect((await gate.api("GET", `/api/instance/${instance}/status`)).body.data.sendsPausedAt).toBe(
      shown.body.sendsPausedAt,
    );
    await gate.restart();
    await gate.status(instance, "connected");
    expect(await queue()).toMatchObject({ counts: { paused: 5 }, pagination: { total: 5 } });
    const history = await gate.api("GET", `/api/message/chat/${instance}/${bob.jid}`);
    expect(history.body.data.find((one: { messageId: string }) => one.messageId === first)).toMatchObject({
      status: "pending",
      waitingFor: { reason: "paused", until: null },
    });
    expect(bob.inbox.messages.some(({ id }) => id === first)).toBe(false);
    await control("resume");
    expect((await webhook("instance.resumed")).body.data).toMatchObject({ pausedAt: shown.body.sendsPausedAt });
    const [one, two, urgent] = [
      await bob.waitFor(({ id }) => id === first),
      await bob.waitFor(({ id }) => id === second),
      await carol.waitFor(({ id }) => id === high),
    ];
    expect(one.receivedAt).toBeLessThan(two.receivedAt);
    expect(urgent.receivedAt).toBeLessThan(two.receivedAt);
    await bob.waitFor(({ text }) => text === "to many");
    await carol.waitFor(({ text }) => text === "to many");
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), 10_000);
    expect((await gate.api("PUT", `/api/instances/${instance}`, { body: { pace: null } })).status).toBe(200);
  });

  test("the queue shows why each message waits and until when, and a part of it can be cleared", async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const later = await gate.api("POST", `/api/whatsapp/${instance}/send`, {
      body: { phone: carol.number, message: "later", sendAt: at },
    });
    expect(later.status).toBe(200);
    const recipients = [{ phone: carol.number }, { phone: bob.number }];
    await gate.api("POST", `/api/whatsapp/${instance}/bulk`, {
      body: { message: "slowly", recipients, perMinute: 1, sendAt: at },
    });
    expect(await queue()).toMatchObject({
      messages: expect.arrayContaining([
        expect.objectContaining({ messageId: later.body.id, reason: "scheduled", expectedAt: at, bulkId: null }),
      ]),
      counts: { scheduled: 3 },
    });
    expect((await queue("?bulk=true&limit=1")).pagination).toMatchObject({ total: 2, hasMore: true });
    await control("pause");
    const [kept, dropped] = [await accepted(carol, "kept"), await accepted(bob, "dropped")];
    await heldBack([kept, dropped]);
    const clear = async (query: string) => (await gate.api("DELETE", `${path()}?${query}`)).body.data.canceled;
    expect(await clear("bulk=true")).toBe(2);
    expect(await clear("acceptedBefore=2020-01-01T00:00:00Z")).toBe(0);
    // A person has a number and a LID, which both mean the same chat.
    await gate.db.sql`
      insert into contacts (instance_id, jid, lid) values (${instance}, ${bob.jid}, ${bob.lidJid})
      on conflict (instance_id, jid) do update set lid = excluded.lid`;
    expect(await waiting(`?chatId=${encodeURIComponent(bob.lidJid)}`)).toEqual([[dropped, "paused"]]);
    expect(await clear(`chatId=${encodeURIComponent(bob.lidJid)}`)).toBe(1);
    expect(await waiting("?bulk=false")).toEqual([
      [kept, "paused"],
      [later.body.id, "paused"],
    ]);
    await control("resume");
    await carol.waitFor(({ id }) => id === kept);
    expect(await clear("")).toBe(1);
    expect((await queue()).counts).toEqual({});
    expect(await client.inHistory(bob.jid, dropped, "canceled")).toMatchObject({ body: "dropped" });
    await send("send/text", { message: "fence" });
    expect(bob.inbox.messages.some(({ id }) => id === dropped)).toBe(false);
  });

  const pin = (phone: Phone, pinned: boolean) =>
    gate.api("PUT", `/api/chats/${instance}/${phone.number}/pin`, { body: { pinned } });

  test.each<[string, string, () => Body]>([
    ["whose file does not arrive", "file", () => ({ file: linked.files.url("/hangs") })],
    ["whose page does not arrive", "link-preview", () => ({ url: linked.files.url("/hangs") })],
    ["with a delay", "text", () => ({ message: "delayed", delay: 60_000 })],
  ])("a send %s holds only its chat, and is canceled with those behind it", async (_what, kind, body) => {
    const asked = linked.files.requested.length;
    const held = await ask("POST", `send/${kind}`, { to: bob.jid, ...body() });
    expect(held.status, JSON.stringify(held.body)).toBeLessThan(300);
    if (kind !== "text") await vi.waitFor(() => expect(linked.files.requested.length).toBe(asked + 1), 10_000);
    const ids = [held.body.data.messageId, await accepted(bob, "behind it")];
    const passes = await accepted(carol, "passes");
    await carol.waitFor(({ id }) => id === passes);
    expect((await pin(carol, true)).status).toBe(200);
    expect((await pin(carol, false)).status).toBe(200);
    expect((await waiting()).map(([id]: [string]) => id)).toEqual(ids);
    expect((await gate.api("DELETE", path())).body.data.canceled).toBe(2);
    for (const id of ids) expect(await client.inHistory(bob.jid, id, "canceled")).toBeTruthy();
    const after = await accepted(bob, "after it");
    await bob.waitFor(({ id }) => id === after);
    expect(bob.inbox.messages.filter(({ id }) => ids.includes(id))).toEqual([]);
  });

  test("the pace holds sends and no changes, the queue estimates when they go out, and a new pace releases them", async () => {
    const setPace = async (pace: Body | null) =>
      expect((await gate.api("PUT", `/api/instances/${instance}`, { body: { pace } })).status).toBe(200);
    const dave = await gate.wa.addPhone({ number: "4915550000009", pushName: "Dave" });
    await setPace({ newContactsPerDay: 0 });
    const tomorrow = await accepted(dave, "to somebody new");
    await vi.waitFor(async () => expect(await waiting()).toEqual([[tomorrow, "pace"]]), 10_000);
    await setPace({ newContactsPerDay: null });
    await dave.waitFor(({ id }) => id === tomorrow, { timeoutMs: 20_000 });
    await setPace({ minGapMs: 600_000, jitter: 0 });
    const ids = [await accepted(bob, "second"), await accepted(carol, "third")];
    await vi.waitFor(async () => expect(await waiting()).toEqual(ids.map((id) => [id, "pace"])), 10_000);
    const minutes = (await queue()).messages.map((one: { expectedAt: string }) =>
      Math.round((Date.parse(one.expectedAt) - Date.now()) / 60_000),
    );
    expect(minutes).toEqual([10, 20]);
    expect((await pin(carol, true)).status).toBe(200);
    expect((await pin(carol, false)).status).toBe(200);
    await setPace(null);
    await bob.waitFor(({ id }) => id === ids[0]);
    await carol.waitFor(({ id }) => id === ids[1]);
  });
});
