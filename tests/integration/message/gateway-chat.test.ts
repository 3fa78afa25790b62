import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  linked = await startLinkedGateway("gateway");
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
