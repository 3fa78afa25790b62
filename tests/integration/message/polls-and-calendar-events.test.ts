import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { newMessageId } from "../../../simulator/phone/mailbox/message-id.ts";
import {
  type Body,
  type LinkedGateway,
  messageAt,
  rejectionOf,
  startLinkedGateway,
} from "../../support/gateway/linked-gateway.ts";
import { type Messenger, messenger } from "../../support/gateway/message-api.ts";
import type { Answer } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let gate: LinkedGateway["gate"];
let files: LinkedGateway["files"];
let owner: Phone;
let bob: Phone;
let carol: Phone;
let group: LinkedGateway["group"];
let instance: string;
let client: LinkedGateway["client"];
let send: Messenger["send"];

beforeAll(async () => {
  linked = await startLinkedGateway("gateway");
  ({ gate, files, owner, bob, carol, group, instance, client } = linked);
  ({ send } = messenger(linked));
});
afterAll(() => linked?.stop());

/** The document's example, without its recipient. */
const party = {
  event: "birthday",
  name: "John's Birthday Party",
  description: "Come celebrate!",
  location: "My House",
  startTime: "2025-12-25T18:00:00.000Z",
  endTime: "2025-12-25T23:00:00.000Z",
};

const post = (path: string, body: Body): Promise<Answer> => gate.api("POST", path, { body });
const postEvent = (body: Body, id = instance) => post(`/api/events/${id}`, body);
/** Waits for the message at Bob's phone. */
async function arrived(answer: Answer): Promise<InboxMessage> {
  expect(answer).toMatchObject({ status: 200, body: { success: true, data: { instanceId: instance } } });
  return await messageAt(bob, answer.body.data.messageId);
}
const sendEvent = async (body: Body) => arrived(await postEvent(body));
const sendPoll = (to: string, selectableCount = 1) =>
  send("send/poll", { to, question: "Which?", options: ["Red", "Blue", "Green"], selectableCount });

async function responsesTo(id: string, query = "") {
  const answer = await gate.api("GET", `/api/message/${instance}/${id}/responses${query}`);
  expect(answer.status).toBe(200);
  return answer.body.data;
}
/** Maps each chosen option or answer to the JIDs of the people who chose it. */
async function votersOf(id: string): Promise<Record<string, (string | null)[]>> {
  const { options, going, notGoing, maybe } = await responsesTo(id);
  type Voters = { id: string | null }[];
  const given: [string, Voters][] = options
    ? options.map(({ name, voters }: { name: string; voters: Voters }) => [name, voters])
    : Object.entries({ going, notGoing, maybe });
  return Object.fromEntries(
    given.filter(([, voters]) => voters.length > 0).map(([name, voters]) => [name, voters.map((one) => one.id)]),
  );
}
/** Webhooks about answers to this poll or event, oldest first. */
const webhooksOf = (id: string) =>
  gate.receiver.deliveries
    .filter(({ body }) => /^(poll\.voted|event\.answered)$/.test(body.event) && body.data.messageId === id)
    .map(({ body }) => body);
const webhooksWhen = (id: string, times: number) =>
  until(async () => (webhooksOf(id).length >= times ? webhooksOf(id) : undefined));
/** Resolves when everything that the phone sent before is processed. */
async function settled(from: Phone, to = owner.number): Promise<void> {
  const { id } = await from.sendText(to, "settled");
  await client.reported("received", id);
}

describe("a calendar event", () => {
  test("a calendar event arrives with all fields of the document's example", async () => {
    const answer = await postEvent({ to: bob.jid, ...party });
    expect(answer.body).toMatchObject({ data: { to: bob.jid, event: "birthday", messageId: expect.any(String) } });
    const message = await arrived(answer);
    expect(message).toMatchObject({
      kind: "event",
      event: {
        name: "John's Birthday Party",
        description: "Come celebrate!",
        location: { name: "My House" },
        startTime: Date.parse(party.startTime) / 1000,
        endTime: Date.parse(party.endTime) / 1000,
        canceled: false,
        extraGuestsAllowed: false,
      },
    });
    const shown = await client.inHistory(bob.number, message.id, "delivered");
    expect(shown).toMatchObject({ type: "event", body: party.name, fromMe: true });
    const { body } = await client.reported("sent", message.id);
    expect(body.data).toMatchObject({
      type: "event",
      message: { eventMessage: { caption: party.name, startTime: party.startTime, location: "My House" } },
    });
  });

  test.each(["birthday", "appointment", "meeting", "reminder", "custom"])(
    "a calendar event of the type %s needs only a name and a start, and keeps its type",
    async (event) => {
      const message = await sendEvent({
        to: bob.number,
        event,
        name: "Standup",
        startTime: "2030-01-01T09:00:00+01:00",
      });
      expect(message.event).toMatchObject({ name: "Standup", startTime: Date.parse("2030-01-01T08:00:00Z") / 1000 });
      expect(message.event).toMatchObject({ endTime: undefined, description: undefined, location: undefined });
      expect(await responsesTo(message.id)).toMatchObject({ type: "event", event, name: "Standup", going: [] });
    },
  );

  test("a calendar event in a group can have a location, guests, a quote and mentions", async () => {
    const { id } = await bob.sendText(group.jid, "when do we meet?");
    await client.reported("received", id);
    const message = await sendEvent({
      to: group.jid,
      event: "meeting",
      name: "Crew meeting",
      location: { name: "Office", address: "Main St 1", latitude: 52.5, longitude: 13.4 },
      startTime: "2030-01-01T09:00:00.900Z",
      endTime: "2030-01-01T09:00:01.000Z",
      extraGuestsAllowed: true,
      quotedMessageId: id,
      mentions: [carol.number],
    });
    expect(message).toMatchObject({
      chat: group.jid,
      quotes: { id, text: "when do we meet?" },
      mentions: [carol.jid],
      event: {
        location: { name: "Office", address: "Main St 1", latitude: 52.5, longitude: 13.4 },
        extraGuestsAllowed: true,
      },
    });
  });

  test.each<[string, Body]>([
    ["no name", { ...party, name: " " }],
    ["an unknown type", { ...party, event: "wedding" }],
    ["no start", { ...party, startTime: undefined }],
    ["a start that is not a time", { ...party, startTime: "tomorrow" }],
    ["a start without a time zone", { ...party, startTime: "2025-12-25T18:00:00" }],
    ["an end before the start", { ...party, endTime: "2025-12-25T17:00:00.000Z" }],
    ["an end with the start", { ...party, endTime: party.startTime }],
    ["half a position", { ...party, location: { name: "x", latitude: 1 } }],
    ["a location without a name", { ...party, location: {} }],
    ["an invalid recipient", { ...party, to: "somebody" }],
    ["mentions of a group", { ...party, mentions: ["120363000000000001@g.us"] }],
  ])("rejects a calendar event with %s", async (_what, body) => {
    expect(rejectionOf(await postEvent({ to: bob.jid, ...body }))).toEqual([400, "invalid_request"]);
  });
});

describe("answers to a calendar event", () => {
  test("only the last answer of each person counts, with the number of guests", async () => {
    const message = await sendEvent({ to: group.jid, ...party, extraGuestsAllowed: true });
    const { id } = message;
    await bob.surveys.answer(message, "maybe");
    await carol.surveys.answer(await messageAt(carol, id), "notGoing");
    await webhooksWhen(id, 2);
    await bob.surveys.answer(message, "going", { guests: 2 });
    const webhook = (await webhooksWhen(id, 3))[2];
    expect(webhook).toMatchObject({
      event: "event.answered",
      instanceId: instance,
      data: {
        chatId: group.jid,
        isGroup: true,
        participant: bob.jid,
        phoneNumber: bob.number,
        lid: bob.lidJid,
        pushName: "Bob",
        fromMe: false,
        name: party.name,
        answer: "going",
        guests: 2,
      },
    });
    expect(await responsesTo(id)).toEqual({
      messageId: id,
      chatId: group.jid,
      type: "event",
      event: "birthday",
      name: party.name,
      going: [{ id: bob.jid, guests: 2, respondedAt: expect.any(String) }],
      notGoing: [{ id: carol.jid, guests: 0, respondedAt: expect.any(String) }],
      maybe: [],
    });
    // The participants also see the answers.
    await until(async () => ((await messageAt(owner, id)).responses.length === 2 ? true : undefined));
  });

  test("answers to a received calendar event count, including those that the owner gives on the phone", async () => {
    const { id } = await bob.surveys.event(owner.number, {
      name: "Dinner",
      startTime: 1_900_000_000,
      location: "Bob's",
    });
    expect(await client.inHistory(bob.number, id, "received")).toMatchObject({ type: "event", body: "Dinner" });
    await owner.surveys.answer(await messageAt(owner, id), "going");
    expect((await webhooksWhen(id, 1))[0].data).toMatchObject({
      participant: owner.jid,
      fromMe: true,
      answer: "going",
    });
    expect(await responsesTo(id)).toMatchObject({ event: null, name: "Dinner", going: [{ id: null }] });
    await until(async () => (bob.sent.get(id)?.responses.length === 1 ? true : undefined));
  });
});

describe("votes", () => {
  test("only the last vote of each person counts, and each vote causes a webhook", async () => {
    const poll = await sendPoll(group.jid, 2);
    const { id } = poll;
    await bob.surveys.vote(poll, ["Red"]);
    await webhooksWhen(id, 1);
    await carol.surveys.vote(await messageAt(carol, id), ["Green", "Red"]);
    await webhooksWhen(id, 2);
    expect(await votersOf(id)).toEqual({ Red: [bob.jid, carol.jid], Green: [carol.jid] });
    await bob.surveys.vote(poll, ["Blue"]);
    await carol.surveys.vote(await messageAt(carol, id), []);
    const webhooks = await webhooksWhen(id, 4);
    expect(webhooks.map(({ event, data }) => [event, data.participant, data.options]).slice(0, 3)).toEqual([
      ["poll.voted", bob.jid, ["Red"]],
      ["poll.voted", carol.jid, ["Red", "Green"]],
      expect.arrayContaining(["poll.voted"]),
    ]);
    expect(webhooks[0].data).toMatchObject({ question: "Which?", chatId: group.jid, fromMe: false, pushName: "Bob" });
    expect(await responsesTo(id)).toEqual({
      messageId: id,
      chatId: group.jid,
      type: "poll",
      question: "Which?",
      selectableCount: 2,
      options: [
        { name: "Red", voters: [] },
        { name: "Blue", voters: [{ id: bob.jid, respondedAt: expect.any(String) }] },
        { name: "Green", voters: [] },
      ],
    });
    expect((await client.history(group.jid)).filter(({ type }) => /poll/.test(type)).map((one) => one.id)).toEqual([
      id,
    ]);
  });

  test("votes are decrypted for every combination of number and LID of creator and voter", async () => {
    const poll = await sendPoll(bob.jid);
    const names = ["pn", "lid"] as const;
    const vote = { Red: "Blue", Blue: "Red" } as const;
    let option: keyof typeof vote = "Red";
    let times = 0;
    for (const addressing of names) {
      for (const creator of names) {
        for (const responder of names) {
          await bob.surveys.vote(poll, [option], { addressing, names: { creator, responder } });
          await webhooksWhen(poll.id, ++times);
          expect(await votersOf(poll.id)).toEqual({ [option]: [bob.jid] });
          option = vote[option];
        }
      }
    }
  });

  test("a vote that is older than the last vote or repeats it is ignored", async () => {
    const poll = await sendPoll(bob.jid);
    const now = Date.now();
    await bob.surveys.vote(poll, ["Red"], { at: now });
    await bob.surveys.vote(poll, ["Red"], { at: now });
    await bob.surveys.vote(poll, ["Green"], { at: now - 1000 });
    await settled(bob);
    expect(webhooksOf(poll.id).map(({ data }) => data.options)).toEqual([["Red"]]);
    expect(await votersOf(poll.id)).toEqual({ Red: [bob.jid] });
  });

  test("malformed votes and answers are ignored, and the next message is handled", async () => {
    const poll = await sendPoll(bob.jid);
    const key = { remoteJid: owner.jid, id: poll.id, fromMe: false };
    const { vote } = (await bob.surveys.vote(poll, ["Purple"])).message.pollUpdateMessage ?? {};
    await bob.surveys.vote(poll, ["Red", "Blue"]);
    const broken = { encPayload: Buffer.alloc(40), encIv: Buffer.alloc(12) };
    for (const message of [
      { pollUpdateMessage: {} },
      { pollUpdateMessage: { pollCreationMessageKey: key } },
      { pollUpdateMessage: { pollCreationMessageKey: key, vote: broken } },
      { pollUpdateMessage: { pollCreationMessageKey: { ...key, id: "3EB0UNKNOWN" }, vote: vote ?? null } },
      { encEventResponseMessage: { eventCreationMessageKey: key, ...broken } },
      { encEventResponseMessage: {} },
      { pollUpdateMessage: { pollCreationMessageKey: key, vote: { ...broken, encPayload: Buffer.alloc(100_000) } } },
    ]) {
      await bob.sendMessage(owner.number, message);
    }
    await settled(bob);
    expect(webhooksOf(poll.id)).toEqual([]);
    expect(await votersOf(poll.id)).toEqual({});
    const kinds = new Set((await client.history(bob.number)).map(({ type }) => type));
    expect([...kinds].filter((type) => /Update|Response/.test(type))).toEqual([]);
  });

  test("votes on a received poll count, also after a restart, and are readable while not connected", async () => {
    const { id } = await bob.surveys.poll(group.jid, { question: "Where?", options: ["Here", "There"] });
    expect(await client.inHistory(group.jid, id, "received")).toMatchObject({ type: "poll", body: "Where?" });
    const shown = {
      ...{ name: "Where?", selectableOptionsCount: 1 },
      ...{ caption: "Where?", options: ["Here", "There"], selectableCount: 1 },
    };
    expect((await client.reported("received", id)).body.data.message).toEqual({ pollCreationMessageV3: shown });
    await carol.surveys.vote(await messageAt(carol, id), ["There"]);
    await webhooksWhen(id, 1);
    await gate.restart();
    await gate.status(instance, "connected");
    await owner.surveys.vote(await messageAt(owner, id), ["Here"]);
    expect((await webhooksWhen(id, 2))[1].data).toMatchObject({
      fromMe: true,
      participant: owner.jid,
      options: ["Here"],
    });
    await until(async () => (bob.sent.get(id)?.responses.length === 2 ? true : undefined));
    await gate.api("POST", `/api/instances/${instance}/disable`);
    await gate.status(instance, "disconnected");
    expect(await votersOf(id)).toEqual({ There: [carol.jid], Here: [null] });
    await gate.api("POST", `/api/instances/${instance}/enable`);
    await gate.status(instance, "connected");
  });

  test("votes of the poll's creator count, even immediately after the poll", async () => {
    const poll = await bob.surveys.poll(owner.number, { question: "Now?", options: ["Yes", "No"], selectable: 0 });
    await bob.surveys.vote(poll, ["No", "Yes"]);
    expect((await webhooksWhen(poll.id, 1))[0].data).toMatchObject({ chatId: bob.jid, options: ["Yes", "No"] });
    expect(await votersOf(poll.id)).toEqual({ Yes: [bob.jid], No: [bob.jid] });
  });

  test("votes that arrive before their poll count when the poll arrives", async () => {
    const poll = { name: "Early?", options: [{ optionName: "Yes" }, { optionName: "No" }], selectableOptionsCount: 1 };
    const message = { pollCreationMessageV3: poll, messageContextInfo: { messageSecret: randomBytes(32) } };
    const earlier = await bob.sendText(owner.number, "as a pattern");
    const id = newMessageId();
    await bob.surveys.vote({ ...earlier, id, message }, ["No"]);
    await settled(bob);
    expect(webhooksOf(id)).toEqual([]);
    await bob.sendMessage(owner.number, message, { id, type: "poll" });
    expect((await webhooksWhen(id, 1))[0].data).toMatchObject({ question: "Early?", options: ["No"] });
    expect(await votersOf(id)).toEqual({ No: [bob.jid] });
  });

  test("responses are found by message id and chat, and get 404 for any other id", async () => {
    const text = await send("send/text", { message: "x" });
    for (const id of [text.id, "3EB0UNKNOWN", "a%00b", "%20"]) {
      const answer = await gate.api("GET", `/api/message/${instance}/${id}/responses`);
      expect(rejectionOf(answer)).toEqual([404, "message_not_found"]);
    }
    const poll = await sendPoll(bob.jid);
    expect(await responsesTo(poll.id, `?chatId=${bob.number}`)).toMatchObject({ type: "poll", chatId: bob.jid });
    const elsewhere = await gate.api("GET", `/api/message/${instance}/${poll.id}/responses?chatId=${carol.number}`);
    expect(rejectionOf(elsewhere)).toEqual([404, "message_not_found"]);
  });
});

test("every kind of message to a group can have a quote and mentions", async () => {
  const { id } = await bob.sendText(group.jid, "what do you have?");
  await client.reported("received", id);
  const poll = { question: "Which?", options: ["a", "b"] };
  const card = { displayName: "x", vcard: "BEGIN:VCARD\nVERSION:3.0\nFN:x\nEND:VCARD" };
  const inMessage: [string, Body][] = [
    ["send/text", { message: "a text" }],
    ["send/image", { image: files.url("/a.png") }],
    ["send/file", { file: files.url("/a.pdf") }],
    ["send/voice", { audio: files.url("/a.ogg") }],
    ["send/video", { video: files.url("/a.mp4") }],
    ["send/link-preview", { url: "https://example.com", title: "x" }],
    ["send/poll", poll],
    ["send/location", { latitude: 1, longitude: 2 }],
    ["send/contact", { contacts: [card] }],
    ["forward", { messageId: id }],
  ];
  const context = { quotedMessageId: id, mentions: [carol.number] };
  const answers = await Promise.all([
    ...inMessage.map(([path, body]) =>
      post(`/api/message/${path}`, { instanceId: instance, to: group.jid, ...body, ...context }),
    ),
    postEvent({ to: group.jid, ...party, ...context }),
    post(`/api/groups/${instance}/${group.jid}/message`, { message: "hello", ...context }),
  ]);
  for (const answer of answers) {
    const { kind, quotes, mentions } = await arrived(answer);
    expect({ kind, quotes, mentions }).toMatchObject({
      quotes: { id, text: "what do you have?" },
      mentions: [carol.jid],
    });
  }
});

describe("answers of the account", () => {
  const put = (id: string, what: "vote" | "answer", body: Body) =>
    gate.api("PUT", `/api/message/${instance}/${id}/${what}`, { body });
  const vote = (id: string, options: string[]) => put(id, "vote", { options });
  /** What the account has chosen, as a phone sees it. */
  const chosenAt = (survey: { responses: { from: string; choices: string[]; guests: number }[] }) =>
    survey.responses.filter(({ from }) => from === owner.jid).map(({ choices, guests }) => [...choices, guests]);
  const sees = (survey: Parameters<typeof chosenAt>[0], chosen: (string | number)[]) =>
    vi.waitFor(() => expect(chosenAt(survey)).toEqual([chosen]), 10_000);

  test.each(["in a group", "in a direct chat"])(
    "the account votes in a received poll, changes its vote and withdraws it: %s",
    async (where) => {
      const to = where === "in a group" ? group.jid : owner.number;
      const poll = await bob.surveys.poll(to, {
        ...{ question: "Where?", options: ["Here", "There", "Home"], selectable: 2 },
      });
      const { id } = poll;
      await client.reported("received", id);
      const first = await vote(id, ["There", "Here"]);
      expect(first).toMatchObject({ status: 200, body: { data: { messageId: id, options: ["There", "Here"] } } });
      await sees(poll, ["Here", "There", 0]);
      expect(await votersOf(id)).toEqual({ Here: [null], There: [null] });
      expect((await webhooksWhen(id, 1))[0].data).toMatchObject({
        fromMe: true,
        participant: owner.jid,
        options: ["Here", "There"],
      });
      // The owner's phone shows it too.
      await sees(await messageAt(owner, id), ["Here", "There", 0]);
      await vote(id, ["Home"]);
      await sees(poll, ["Home", 0]);
      await vote(id, []);
      await sees(poll, [0]);
      expect(await votersOf(id)).toEqual({});
    },
  );

  test("the account votes in its own poll, which a group member sees", async () => {
    const poll = await sendPoll(group.jid);
    expect((await vote(poll.id, ["Red"])).status).toBe(200);
    await sees(poll, ["Red", 0]);
  });

  test.each(["in a group", "in a direct chat"])(
    "the account answers a received calendar event, and changes its answer: %s",
    async (where) => {
      const to = where === "in a group" ? group.jid : owner.number;
      const event = await bob.surveys.event(to, { name: "Dinner", startTime: 1_900_000_000, extraGuestsAllowed: true });
      const { id } = event;
      await client.reported("received", id);
      const first = await put(id, "answer", { answer: "going", guests: 2 });
      expect(first).toMatchObject({ status: 200, body: { data: { messageId: id, answer: "going", guests: 2 } } });
      await sees(event, ["going", 2]);
      expect((await webhooksWhen(id, 1))[0].data).toMatchObject({ fromMe: true, answer: "going", guests: 2 });
      await put(id, "answer", { answer: "notGoing" });
      await sees(event, ["notGoing", 0]);
      expect(await responsesTo(id)).toMatchObject({ going: [], notGoing: [{ id: null, guests: 0 }] });
    },
  );

  test("a vote or answer that WhatsApp's apps can't give is rejected with the reason", async () => {
    const poll = await bob.surveys.poll(owner.number, { question: "One?", options: ["Red", "Blue"] });
    const event = await bob.surveys.event(owner.number, { name: "Dinner", startTime: 1_900_000_000 });
    const text = await bob.sendText(owner.number, "no poll");
    for (const { id } of [poll, event, text]) await client.reported("received", id);
    const details = async (answer: Promise<Answer>) => {
      const { status, body } = await answer;
      return [status, body.code, body.details];
    };
    expect(await details(vote(poll.id, ["Green"]))).toEqual([
      400,
      "invalid_request",
      'options: the poll has no option "Green"',
    ]);
    expect(await details(vote(poll.id, ["Red", "Blue"]))).toEqual([
      400,
      "invalid_request",
      "options: the poll allows at most 1 per voter",
    ]);
    expect(await details(vote(text.id, ["Red"]))).toEqual([404, "message_not_found", "the message is not a poll"]);
    expect(await details(put(event.id, "answer", { answer: "going", guests: 1 }))).toEqual([
      409,
      "conflict",
      "guests: the event allows no guests",
    ]);
    expect(rejectionOf(await vote("3EB0UNKNOWN", ["Red"]))).toEqual([404, "message_not_found"]);
    expect(chosenAt(poll)).toEqual([]);
  });

  test("a vote in a poll whose key is not known gets 409, and nothing is sent", async () => {
    const poll = await bob.sendMessage(owner.number, {
      pollCreationMessage: { name: "No key?", options: [{ optionName: "Red" }, { optionName: "Blue" }] },
    });
    await client.reported("received", poll.id);
    const { status, body } = await vote(poll.id, ["Red"]);
    expect([status, body.code]).toEqual([409, "conflict"]);
    expect(body.details).toContain("the key of the poll is not known");
  });
});

describe("a message to all", () => {
  test.each([
    ["with the visible text", "@all lunch is ready"],
    ["without it", "lunch is ready"],
  ])("all members of a group are mentioned, %s", async (_how, message) => {
    const answers = [
      await post("/api/message/send/text", { instanceId: instance, to: group.jid, message, mentionAll: true }),
      await gate.api("POST", `/api/whatsapp/${instance}/send`, {
        body: { phone: group.jid, message, mentionAll: true, mentions: [carol.number] },
      }),
      await post("/api/message/send/image", {
        ...{ instanceId: instance, to: group.jid, image: files.url("/a.png"), caption: message, mentionAll: true },
      }),
      await post("/api/message/send/poll", {
        ...{ instanceId: instance, to: group.jid, question: message, options: ["Yes", "No"], mentionAll: true },
      }),
    ];
    for (const { body } of answers) {
      const { message: sent } = await messageAt(bob, body.data?.messageId ?? body.id);
      const content = sent.extendedTextMessage ?? sent.imageMessage ?? sent.pollCreationMessageV3;
      expect(content?.contextInfo?.nonJidMentions).toBe(1);
    }
    const id = answers[1]?.body.id;
    expect((await messageAt(bob, id)).mentions).toEqual([carol.jid]);
    const { body } = await gate.api("GET", `/api/message/chat/${instance}/${group.jid}`);
    const shown = body.data.find((one: { messageId: string }) => one.messageId === id);
    expect(shown).toMatchObject({ context: { mentionsAll: true } });
  });

  test("rejects a mention of all outside a group", async () => {
    const body = { instanceId: instance, to: bob.jid, message: "x", mentionAll: true };
    expect(rejectionOf(await post("/api/message/send/text", body))).toEqual([400, "invalid_request"]);
  });
});

describe("a reply to a status post", () => {
  test("the reply quotes the post in the chat with its author, and in no other chat", async () => {
    const status = await bob.sendText("status@broadcast", "on the road", { audience: [owner.number] });
    await client.inHistory("status@broadcast", status.id, "received");
    const reply = (to: string) =>
      post("/api/message/send/text", { instanceId: instance, to, message: "safe trip", quotedMessageId: status.id });
    const arrivedReply = await arrived(await reply(bob.number));
    expect(arrivedReply).toMatchObject({ kind: "text", quotes: { id: status.id, text: "on the road" } });
    const { contextInfo } = arrivedReply.message.extendedTextMessage ?? {};
    expect(contextInfo).toMatchObject({ remoteJid: "status@broadcast", participant: bob.lidJid });
    const { body } = await gate.api("GET", `/api/message/chat/${instance}/${bob.jid}`);
    const shown = body.data.find((one: { messageId: string }) => one.messageId === arrivedReply.id);
    expect(shown).toMatchObject({ quotedMessage: { messageId: status.id, isStatus: true, participant: bob.jid } });
    const other = await reply(carol.number);
    const failed = await client.reported("failed", other.body.data.messageId);
    expect(failed.body.data).toMatchObject({ error: { code: "message_not_found" } });
    expect(rejectionOf(await reply(group.jid))).toEqual([404, "message_not_found"]);
  });
});

test("sending a calendar event and editing a message get 409 while the instance is not connected", async () => {
  const unlinked = await gate.createInstance("gateway");
  expect(rejectionOf(await postEvent({ to: bob.jid, ...party }, unlinked))).toEqual([409, "instance_not_connected"]);
  const edit = await gate.api("PUT", `/api/message/${unlinked}/x`, { body: { message: "x" } });
  expect(rejectionOf(edit)).toEqual([409, "instance_not_connected"]);
});
