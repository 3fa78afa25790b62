import { Boom } from "@hapi/boom";
import { type BinaryNode, proto } from "@whiskeysockets/baileys";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { commandCatalog } from "../../../core/command/catalog/index.ts";
import { AppError } from "../../../core/error.ts";
import { createLogger } from "../../../core/log.ts";
import { defaultPace, type Wait } from "../../../core/restriction/index.ts";
import type { OrderedCommand } from "../../../session-host/command/claim/claimed-command.ts";
import type { Brake } from "../../../session-host/command/limit/brake.ts";
import { leadInOf } from "../../../session-host/command/limit/typing.ts";
import { SendQueue, type SendQueueDeps } from "../../../session-host/command/send/send-queue.ts";
import { Waiting } from "../../../session-host/command/send/waiting.ts";
import type { ConnectedContext } from "../../../session-host/executors/types.ts";
import type { Change } from "../../../session-host/ledger/change.ts";
import { until } from "../../support/until.ts";

const authState = { creds: {} };

const command = (id: string, deadline: number): OrderedCommand => ({
  id,
  instanceId: "instance",
  userId: "user",
  name: "message.sendText",
  input: { to: "4915550000002@s.whatsapp.net", text: id },
  waId: `3EB0${id}`,
  chatId: "4915550000002@s.whatsapp.net",
  payload: null,
  position: 1,
  attempts: 0,
  deadline: new Date(deadline),
  acceptedAt: new Date(0),
  correlationId: "test",
});

const addressing = {
  of: async (to: string) => ({ to, names: new Map() }),
  jidOf: async (to: string) => to,
  mayBeWrong: () => false,
};

test("a send that waits for a connection fails at its deadline, and other sends keep waiting", () => {
  const recorded: Change[] = [];
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async (change) => {
      recorded.push(change);
    },
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => undefined,
  });
  queue.push(command("LATE", Date.now() - 1));
  queue.push(command("EARLY", Date.now() + 60_000));
  queue.expire();
  expect(recorded).toMatchObject([
    {
      commands: [{ id: "LATE", status: "failed", errorCode: "command_expired" }],
      messageUpdates: [{ waId: "3EB0LATE", set: { status: "failed", error: "command_expired" } }],
      events: [{ type: "message.failed", data: { messageId: "3EB0LATE", code: "command_expired" } }],
    },
  ]);
  expect(queue.size).toBe(1);
});

test("a poll declares its type in the stanza, and a text does not", async () => {
  const sent: { id: string; nodes: unknown }[] = [];
  const relayMessage = async (
    _jid: string,
    _message: unknown,
    options: { messageId: string; additionalNodes: unknown },
  ) => sent.push({ id: options.messageId, nodes: options.additionalNodes });
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async () => undefined,
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => undefined,
  });
  const prepared = (id: string, message: proto.IMessage) => ({
    ...command(id, Date.now() + 60_000),
    payload: Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish()),
  });
  queue.push(prepared("TEXT", { extendedTextMessage: { text: "x" } }));
  queue.push(prepared("POLL", { pollCreationMessage: { name: "x" } }));
  queue.push(prepared("CHOICE", { pollCreationMessageV3: { name: "x" } }));
  queue.resume({
    sock: { relayMessage, authState },
    recipients: { of: async () => ({ list: { jids: [], people: [] } }) },
    addressing,
  } as unknown as ConnectedContext);
  await until(async () => sent.length === 3 || undefined);
  queue.pause();
  const meta = [{ tag: "meta", attrs: { polltype: "creation" } }];
  expect(sent).toEqual([
    { id: "3EB0TEXT", nodes: [] },
    { id: "3EB0POLL", nodes: meta },
    { id: "3EB0CHOICE", nodes: meta },
  ]);
});

test("a send whose user was disabled after the claim is not sent, and later sends are", async () => {
  const sent: string[] = [];
  const relayMessage = async (_jid: string, _message: unknown, { messageId }: { messageId: string }) =>
    void sent.push(messageId);
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async () => undefined,
    countAttempt: async () => 1,
    mayStart: async ({ id }) => id !== "DISABLED",
    onSilence: () => undefined,
  });
  const prepared = (id: string) => ({
    ...command(id, Date.now() + 60_000),
    payload: Buffer.from(proto.Message.encode({ conversation: id }).finish()),
  });
  for (const id of ["FIRST", "DISABLED", "LAST"]) queue.push(prepared(id));
  queue.resume({
    sock: { relayMessage, authState },
    recipients: { of: async () => ({ list: { jids: [], people: [] } }) },
    addressing,
  } as unknown as ConnectedContext);
  await until(async () => sent.length === 2 || undefined);
  expect(sent).toEqual(["3EB0FIRST", "3EB0LAST"]);
  expect(queue.size).toBe(2);
  queue.pause();
});

const acknowledged = { error: undefined, phash: undefined };

/** A queue on a connection whose server acknowledges nothing by itself, with a clock that the test moves. */
function startUnacknowledged(answersPings: () => boolean) {
  const sent: string[] = [];
  const recorded: Change[] = [];
  let now = 0;
  let silences = 0;
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async (change) => void recorded.push(change),
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => {
      silences++;
      queue.pause();
      resume();
    },
    monotonic: () => now,
  });
  const sock = {
    authState,
    relayMessage: async (_jid: string, _message: unknown, { messageId }: { messageId: string }) =>
      void sent.push(messageId),
    generateMessageTag: () => "ping",
    query: async () => {
      if (!answersPings()) throw new Error("no answer");
    },
  };
  const resume = () =>
    queue.resume({ sock, recipients: { of: async () => [] }, addressing } as unknown as ConnectedContext);
  const payload = Buffer.from(proto.Message.encode({ conversation: "x" }).finish());
  return {
    queue,
    sent,
    silences: () => silences,
    push: (id: string, position: number) => queue.push({ ...command(id, Date.now() + 86_400_000), payload, position }),
    resume,
    ends: () => recorded.flatMap(({ commands = [] }) => commands),
    /** Lets seconds pass, and checks once after each. */
    async pass(seconds: number) {
      for (let i = 0; i < seconds; i++) {
        now += 1000;
        queue.check();
        await new Promise(setImmediate);
      }
    },
  };
}

test("a message that WhatsApp never acknowledges fails after three rounds, and the connection and other messages are not affected", async () => {
  const { queue, sent, silences, push, resume, ends, pass } = startUnacknowledged(() => true);
  push("POISON", 1);
  resume();
  await until(async () => sent.length === 1 || undefined);
  for (let round = 1; round <= 3; round++) {
    push(`OTHER${round}`, 1 + round);
    await pass(1);
    queue.acknowledge(`3EB0OTHER${round}`, acknowledged);
    await pass(15);
  }
  expect(sent.filter((id) => id === "3EB0POISON")).toHaveLength(3);
  expect(silences()).toBe(0);
  expect(ends()).toMatchObject([
    { id: "OTHER1", status: "done" },
    { id: "OTHER2", status: "done" },
    { id: "OTHER3", status: "done" },
    { id: "POISON", status: "failed", errorCode: "outcome_unknown" },
  ]);
  expect(queue.size).toBe(0);
  queue.pause();
});

test("an acknowledgement in a later round ends the send as done", async () => {
  const { queue, sent, push, resume, ends, pass } = startUnacknowledged(() => true);
  push("SLOW", 1);
  resume();
  await until(async () => sent.length === 1 || undefined);
  await pass(32);
  expect(sent).toEqual(["3EB0SLOW", "3EB0SLOW", "3EB0SLOW"]);
  queue.acknowledge("3EB0SLOW", acknowledged);
  await pass(60);
  expect(ends()).toMatchObject([{ id: "SLOW", status: "done" }]);
  queue.pause();
});

test("a connection on which WhatsApp answers nothing is dropped after 15 s, and only the oldest message counts the rounds", async () => {
  const { queue, sent, silences, push, resume, ends, pass } = startUnacknowledged(() => false);
  push("FIRST", 1);
  push("SECOND", 2);
  resume();
  await until(async () => sent.length === 2 || undefined);
  await pass(15);
  expect(silences()).toBe(0);
  await pass(1);
  expect(silences()).toBe(1);
  await until(async () => sent.length === 4 || undefined);
  await pass(16 * 8);
  expect(ends()).toMatchObject([{ id: "FIRST", status: "failed", errorCode: "outcome_unknown" }]);
  expect(queue.size).toBe(1);
  queue.pause();
});

/** A queue with fake timers that lists what it shows and sends. */
function startTyped() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const done: string[] = [];
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async () => undefined,
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => undefined,
  });
  const payload = Buffer.from(proto.Message.encode({ conversation: "x" }).finish());
  const push = (id: string, position: number, more: Partial<OrderedCommand> = {}) =>
    queue.push({ ...command(id, Date.now() + 86_400_000), payload, position, ...more } as OrderedCommand);
  const sock = {
    authState,
    relayMessage: async (_jid: string, _message: unknown, { messageId }: { messageId: string }) =>
      void done.push(messageId),
    sendPresenceUpdate: async (state: string) => void done.push(state),
  };
  const resume = () =>
    queue.resume({
      sock,
      recipients: { of: async () => ({ list: { jids: [], people: [] }, plan: undefined }) },
      addressing,
    } as unknown as ConnectedContext);
  return { queue, done, push, resume };
}

test("a send with typing shows it for seconds that depend on the text, and delays only later sends to its chat", async () => {
  const { queue, done, push, resume } = startTyped();
  push("TYPED", 1, { options: { typing: true } });
  push("BEHIND", 2);
  push("OTHER", 3, { chatId: "4915550000003@s.whatsapp.net" });
  resume();
  await vi.advanceTimersByTimeAsync(500);
  expect(done).toEqual(["composing", "3EB0OTHER"]);
  expect(queue.size).toBe(3);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(done).toEqual(["composing", "3EB0OTHER", "paused", "3EB0TYPED", "3EB0BEHIND"]);
  queue.pause();
});

test("a send is delayed first and then typed, for as long as it asks, and typing is repeated every 10 s", async () => {
  const { queue, done, push, resume } = startTyped();
  push("SLOW", 1, { options: { delay: 3_000, typing: 15_000 } });
  push("BEHIND", 2);
  resume();
  await vi.advanceTimersByTimeAsync(2_999);
  expect(done).toEqual([]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(done).toEqual(["composing"]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(done).toEqual(["composing", "composing"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(done).toEqual(["composing", "composing", "paused", "3EB0SLOW", "3EB0BEHIND"]);
  queue.pause();
});

test("a delayed send shows no typing, and is delayed again on the next connection", async () => {
  const { queue, done, push, resume } = startTyped();
  push("SLOW", 1, { options: { delay: 3_000 } });
  resume();
  await vi.advanceTimersByTimeAsync(2_000);
  queue.pause();
  resume();
  await vi.advanceTimersByTimeAsync(2_999);
  expect(done).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(done).toEqual(["3EB0SLOW"]);
  queue.pause();
});

test.each<[string, Parameters<typeof leadInOf>[0], boolean, ReturnType<typeof leadInOf>]>([
  ["a channel post without options", { name: "message.sendText", input: { to: "x", text: "x" } }, false, undefined],
  [
    "a voice note that is typed",
    { name: "message.sendMedia", input: { to: "x", voice: true }, options: { typing: 500 } },
    true,
    { delayMs: 0, typingMs: 500, state: "recording" },
  ],
  [
    "a channel post that is typed and delayed",
    { name: "message.sendText", input: { to: "x", text: "x" }, options: { typing: 500, delay: 20 } },
    false,
    { delayMs: 20, typingMs: 0, state: "composing" },
  ],
  [
    "a text that turns off the typing of the instance",
    { name: "message.sendText", input: { to: "x", text: "x" }, options: { typing: false } },
    true,
    undefined,
  ],
])("%s has this lead-in", (_what, send, inChat, leadIn) => {
  expect(leadInOf(send, { ...defaultPace, typing: true }, inChat)).toEqual(leadIn);
});

test("a send of high priority passes sends to other chats, but neither those to its chat nor mutations", async () => {
  const { queue, done, push, resume } = startTyped();
  const high = { options: { priority: "high" as const } };
  const chat = (digit: number) => ({ chatId: `491555000000${digit}@s.whatsapp.net` });
  push("BULK1", 1, { inBulk: true, ...chat(2) });
  push("BULK2", 2, { inBulk: true, ...chat(3) });
  push("SAME", 3, { ...high, ...chat(3) });
  push("NORMAL", 4, chat(4));
  push("HIGH1", 5, { ...high, ...chat(5) });
  push("HIGH2", 6, { ...high, ...chat(6) });
  resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(done.map((id) => id.slice(4))).toEqual(["HIGH1", "HIGH2", "BULK1", "BULK2", "SAME", "NORMAL"]);
  queue.pause();
});

test("sends that are cleared leave the queue, and those that stay go out in order", async () => {
  const { queue, done, push, resume } = startTyped();
  push("A", 1);
  push("B", 2, { inBulk: true });
  push("C", 3, { options: { priority: "high" } });
  expect(queue.takeSends(({ inBulk }) => inBulk === true).map(({ id }) => id)).toEqual(["B"]);
  expect(queue.size).toBe(2);
  resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(done).toEqual(["3EB0A", "3EB0C"]);
  queue.pause();
});

const closed = () => new Boom("Connection Closed", { statusCode: 428 });
const refusedLookUp = (code: number) => new Boom("refused", { data: code });
const other = "4915550000003@s.whatsapp.net";
const group = "120363000000000001@g.us";
const plan = { devices: new Map(), group: { id: group }, targets: [], hash: "old" };

/** A queue with fake timers, whose look-ups of recipients and messages to the server are steps of the test. */
function startSteps(
  deps: Partial<SendQueueDeps> = {},
  { sock: parts = {}, ...more }: { sock?: object; media?: object; db?: object } = {},
) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const sent: string[] = [];
  const recorded: Change[] = [];
  const steps = {
    resolve: async (): Promise<void> => undefined,
    lookUp: async (): Promise<void> => undefined,
    relay: async (): Promise<void> => undefined,
  };
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async (change) => void recorded.push(change),
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => undefined,
    ...deps,
  });
  const payload = Buffer.from(proto.Message.encode({ conversation: "x" }).finish());
  let position = 0;
  return {
    queue,
    sent,
    recorded,
    steps,
    push: (id: string, more: Partial<OrderedCommand> = {}) => {
      position++;
      queue.push({ ...command(id, Date.now() + 86_400_000), payload, position, ...more } as OrderedCommand);
    },
    /** Opens a connection. */
    resume: () => {
      const relayMessage = async (_jid: string, _message: unknown, { messageId }: { messageId: string }) => {
        await steps.relay();
        sent.push(messageId.replace("3EB0", ""));
      };
      const recipients = {
        of: async () => {
          await steps.lookUp();
          return { list: { jids: [], people: [] }, plan };
        },
        forget: () => undefined,
        isSettled: () => false,
      };
      const getLIDForPN = async () => {
        await steps.resolve();
        return "1@lid";
      };
      const sock = { authState, relayMessage, signalRepository: { lidMapping: { getLIDForPN } }, ...parts };
      queue.resume({
        sock,
        recipients,
        addressing,
        disappearing: { secondsOf: async () => 0 },
        ...more,
      } as unknown as ConnectedContext);
    },
    pass: (seconds = 0) => vi.advanceTimersByTimeAsync(seconds * 1000 + 1),
    ends: () => recorded.flatMap(({ commands = [] }) => commands.map(({ id, status }) => `${id} ${status}`)),
    errors: () =>
      recorded.flatMap(({ commands = [] }) => commands.map((end) => ("errorCode" in end ? end.errorCode : ""))),
  };
}

/** A brake that lets all sends go out and answers refusals as the test says. */
const brakeWith = (parts: Partial<Pick<Brake, "before" | "refused" | "hold">>) =>
  ({
    pace: defaultPace,
    before: async () => undefined,
    acknowledged: () => undefined,
    refused: async () => Promise.reject(new Error("not expected")),
    hold: async () => undefined,
    ...parts,
  }) as unknown as Brake;

test.each([
  { name: "after a 421", ack: { error: "421", phash: undefined } },
  { name: "for missing devices", ack: { error: undefined, phash: "new" } },
])("sends a message again when the connection ends during the look-up $name", async ({ ack }) => {
  const { queue, sent, steps, push, resume, pass, ends } = startSteps();
  push("A", { chatId: group });
  resume();
  await pass();
  steps.lookUp = () => Promise.reject(closed());
  queue.acknowledge("3EB0A", ack);
  // Baileys fails the look-up before it reports that the connection has ended.
  await pass();
  expect(ends()).toEqual([]);
  queue.pause();
  steps.lookUp = async () => undefined;
  resume();
  await pass();
  queue.acknowledge("3EB0A", acknowledged);
  expect({ sent, ends: ends() }).toEqual({ sent: ["A", "A"], ends: ["A done"] });
  queue.pause();
});

test("sends a message again when the connection ends while the restriction behind a 463 is looked up", async () => {
  const brake = brakeWith({ refused: () => Promise.reject(closed()) });
  const { queue, sent, push, resume, pass, ends } = startSteps({ brake });
  push("A");
  resume();
  await pass();
  queue.acknowledge("3EB0A", { error: "463", phash: undefined });
  await pass(10);
  queue.pause();
  resume();
  await pass();
  queue.acknowledge("3EB0A", acknowledged);
  expect({ sent, ends: ends() }).toEqual({ sent: ["A", "A"], ends: ["A done"] });
  queue.pause();
});

test("asks again about a refused send when the database does not respond", async () => {
  const hold = vi.fn(async () => undefined);
  const refused = vi
    .fn<Brake["refused"]>()
    .mockRejectedValueOnce(new Error("the database did not respond"))
    .mockResolvedValue({ reason: "time_lock", until: new Date() });
  const { queue, push, resume, pass, ends } = startSteps({ brake: brakeWith({ refused, hold }) });
  push("A");
  resume();
  await pass();
  queue.acknowledge("3EB0A", { error: "463", phash: undefined });
  await pass();
  expect({ ends: ends(), size: queue.size, held: hold.mock.calls.length }).toEqual({ ends: [], size: 1, held: 0 });
  await pass(1);
  expect({ ends: ends(), size: queue.size, held: hold.mock.calls.length }).toEqual({ ends: [], size: 0, held: 1 });
  queue.pause();
});

test("tries again to put a waiting send back when the database does not respond", async () => {
  const wait: Wait = { reason: "time_lock", until: new Date() };
  const hold = vi
    .fn<Brake["hold"]>()
    .mockRejectedValueOnce(new Error("the database did not respond"))
    .mockResolvedValue(undefined);
  const { queue, sent, push, resume, pass, ends } = startSteps({
    brake: brakeWith({ before: async () => wait, hold }),
  });
  push("A");
  resume();
  await pass();
  expect(queue.size).toBe(1);
  await pass(1);
  expect({ sent, ends: ends(), size: queue.size, held: hold.mock.calls.length }).toEqual({
    sent: [],
    ends: [],
    size: 0,
    held: 2,
  });
  queue.pause();
});

test("sends a message once on the next connection when the connection ends while it is encrypted", async () => {
  const { queue, sent, steps, push, resume, pass, ends } = startSteps();
  const encrypting = Promise.withResolvers<void>();
  steps.relay = () => encrypting.promise;
  push("A");
  resume();
  await pass();
  queue.pause();
  encrypting.reject(closed());
  await pass();
  expect(queue.size).toBe(1);
  steps.relay = async () => undefined;
  resume();
  await pass();
  queue.acknowledge("3EB0A", acknowledged);
  await pass();
  expect({ sent, ends: ends(), size: queue.size }).toEqual({ sent: ["A"], ends: ["A done"], size: 0 });
  queue.pause();
});

test("waits as long as after a refused message when WhatsApp refuses a look-up with 429", async () => {
  const wait: Wait = { reason: "rate_limit", until: new Date(Date.now() + 60_000) };
  const calls: string[] = [];
  const brake = brakeWith({
    refused: async ({ id }, code) => {
      calls.push(`${id} refused ${code}`);
      return wait;
    },
    hold: async ({ id }, { reason }) => void calls.push(`${id} waits: ${reason}`),
  });
  const { queue, sent, steps, push, resume, pass, ends, errors } = startSteps({ brake });
  steps.lookUp = () => Promise.reject(refusedLookUp(429));
  push("A");
  push("B", { options: { onRestriction: "fail" } });
  resume();
  await pass();
  expect(calls).toEqual(["A refused 429", "A waits: rate_limit", "B refused 429"]);
  expect({ sent, ends: ends(), errors: errors(), size: queue.size }).toEqual({
    ...{ sent: [], size: 0 },
    ...{ ends: ["B failed"], errors: ["rate_limited"] },
  });
  queue.pause();
});

test.each([408, 500, 503])("tries again with growing pauses when WhatsApp answers a look-up with %s", async (code) => {
  const { queue, sent, steps, push, resume, pass, ends } = startSteps();
  let lookUps = 0;
  steps.lookUp = async () => {
    if (++lookUps < 6) throw refusedLookUp(code);
  };
  push("A");
  resume();
  const counts: number[] = [];
  for (const seconds of [0, 1, 1, 1, 4, 8, 16]) {
    await pass(seconds);
    counts.push(lookUps);
  }
  expect(counts).toEqual([1, 2, 2, 3, 4, 5, 6]);
  queue.acknowledge("3EB0A", acknowledged);
  expect({ sent, ends: ends() }).toEqual({ sent: ["A"], ends: ["A done"] });
  queue.pause();
});

test("a send that is tried again later delays only its chat", async () => {
  const { queue, sent, steps, push, resume, pass } = startSteps();
  let lookUps = 0;
  steps.lookUp = async () => {
    if (++lookUps === 1) throw refusedLookUp(503);
  };
  push("A");
  push("BEHIND");
  push("OTHER", { chatId: other });
  resume();
  await pass();
  expect(sent).toEqual(["OTHER"]);
  await pass(1);
  expect(sent).toEqual(["OTHER", "A", "BEHIND"]);
  queue.pause();
});

test("a send fails after nine minutes in which WhatsApp answers a look-up with 503, and the others go on", async () => {
  const { queue, sent, steps, push, resume, pass, ends, errors } = startSteps();
  steps.lookUp = () => Promise.reject(refusedLookUp(503));
  push("A");
  resume();
  await pass(8 * 60);
  expect(ends()).toEqual([]);
  await pass(2 * 60);
  expect({ ends: ends(), errors: errors() }).toEqual({ ends: ["A failed"], errors: ["whatsapp_error"] });
  steps.lookUp = async () => undefined;
  push("B");
  await pass();
  expect(sent).toEqual(["B"]);
  queue.pause();
});

test("sends a refused message later when the look-up of its repair meets a temporary error", async () => {
  const { queue, sent, steps, push, resume, pass, ends } = startSteps();
  push("A", { chatId: group });
  resume();
  await pass();
  steps.lookUp = () => Promise.reject(refusedLookUp(503));
  queue.acknowledge("3EB0A", { error: "421", phash: undefined });
  await pass();
  steps.lookUp = async () => undefined;
  await pass(1);
  queue.acknowledge("3EB0A", acknowledged);
  expect({ sent, ends: ends() }).toEqual({ sent: ["A", "A"], ends: ["A done"] });
  queue.pause();
});

test("counts one attempt of a send however often the connection ends, and stores its message", async () => {
  const countAttempt = vi.fn(async () => 1);
  const { queue, sent, steps, push, resume, pass, recorded } = startSteps({ countAttempt });
  const location = { to: other, latitude: 52.5, longitude: 13.4 };
  push("A", { name: "message.sendLocation", input: location, payload: null, chatId: other });
  steps.resolve = () => Promise.reject(closed());
  steps.lookUp = () => Promise.reject(closed());
  for (let connection = 1; connection <= 6; connection++) {
    if (connection === 4) steps.resolve = async () => undefined;
    resume();
    await pass();
    queue.pause();
  }
  steps.lookUp = async () => undefined;
  resume();
  await pass();
  expect(sent).toEqual(["A"]);
  expect(countAttempt).toHaveBeenCalledTimes(1);
  expect(recorded.flatMap(({ prepared = [] }) => prepared)).toMatchObject([{ waId: "3EB0A", chatId: other }]);
  queue.pause();
});

/** A server of a caller that answers when the test says so. */
function startPages() {
  const pages = new Map<string, ReturnType<typeof Promise.withResolvers<void>>>();
  const aborted: string[] = [];
  // Work that never ends would appear in what other tests of this process observe.
  onTestFinished(() => {
    for (const page of pages.values()) page.reject(new Error("the test has ended"));
  });
  const wait = async (url: string, signal: AbortSignal | undefined) => {
    const page = Promise.withResolvers<void>();
    pages.set(url, page);
    signal?.addEventListener("abort", () => {
      aborted.push(url);
      page.reject(signal.reason);
    });
    await page.promise;
  };
  const media = {
    // The parts of `MediaStage` that the executors call.
    useSmall: async (_id: string, { url = "" }: { url?: string }, { signal }: { signal?: AbortSignal }) => {
      await wait(url, signal);
      return { title: "A page" };
    },
    readSmall: async (_id: string, { url = "" }: { url?: string }) => {
      await wait(url, undefined);
      return Buffer.from([0xff, 0xd8, 0xff]);
    },
  };
  return { media, aborted, asked: () => [...pages.keys()], answer: (url: string) => pages.get(url)?.resolve() };
}

const person = (digit: number) => `491555000000${digit}@s.whatsapp.net`;
const link = (digit: number, url = `http://page/${digit}`): Partial<OrderedCommand> => ({
  name: "message.sendLink",
  input: { to: person(digit), url },
  payload: null,
  chatId: person(digit),
});

/** A queue whose pages are steps of the test, and that lists what its mutations do. */
function startPreparing(deps: Partial<SendQueueDeps> = {}) {
  const { media, ...pages } = startPages();
  const mutated: string[] = [];
  const sock = {
    authState,
    user: { id: "1:1@s.whatsapp.net" },
    query: async ({ attrs }: BinaryNode) => void mutated.push(attrs.xmlns === "w:mex" ? "about set" : "picture set"),
    groupMetadata: async () => ({}),
    groupLeave: async () => void mutated.push("left"),
    groupUpdateSubject: async (_group: string, subject: string) => void mutated.push(subject),
  };
  const lookUp = () => {
    mutated.push("message looked up");
    throw new AppError("message_not_found");
  };
  const steps = startSteps(deps, { media, sock, db: { sql: lookUp } });
  const change = (name: OrderedCommand["name"], input: object) =>
    steps.push(name, { name, input, waId: null, chatId: null } as Partial<OrderedCommand>);
  return { ...steps, ...pages, mutated, change };
}

test("a page that does not answer holds only its chat, and other chats and mutations go on", async () => {
  const { queue, sent, push, resume, pass, answer, change, mutated } = startPreparing();
  push("SLOW", link(2));
  push("BEHIND", { chatId: person(2) });
  push("URGENT", { chatId: person(2), options: { priority: "high" } });
  push("OTHER", { chatId: person(3) });
  change("group.setSubject", { group, subject: "new subject" });
  resume();
  await pass();
  expect({ sent, mutated, size: queue.size }).toEqual({ sent: ["OTHER"], mutated: ["new subject"], size: 4 });
  answer("http://page/2");
  await pass();
  expect(sent).toEqual(["OTHER", "SLOW", "BEHIND", "URGENT"]);
  queue.pause();
});

test("a change of a message waits until the message is sent, and changes of other messages don't", async () => {
  const { queue, sent, push, resume, pass, answer, change, mutated } = startPreparing();
  push("SLOW", link(2));
  change("message.edit", { messageId: "3EB0SLOW", text: "new" });
  resume();
  await pass();
  expect(mutated).toEqual([]);
  change("message.edit", { messageId: "3EB0OTHER", text: "new" });
  await pass();
  expect(mutated).toEqual(["message looked up"]);
  answer("http://page/2");
  await pass();
  expect({ sent, mutated }).toEqual({ sent: ["SLOW"], mutated: ["message looked up", "message looked up"] });
  queue.pause();
});

/** Every command that names a chat, person, group or channel, except those that name a message in it. */
const changesOfChats = Object.values(commandCatalog).filter(({ name, kind, input }) => {
  const fields = Object.keys(
    (z.toJSONSchema(input, { io: "input", unrepresentable: "any" }).properties ?? {}) as object,
  );
  const namesChat = fields.some((field) => ["to", "chat", "who", "group", "community", "channel"].includes(field));
  const isManagement = name.startsWith("instance.");
  return (
    kind === "mutate" && !isManagement && namesChat && !fields.includes("messageId") && !fields.includes("messageIds")
  );
});

test.each(changesOfChats.map(({ name }) => name))(
  "%s doesn't overtake a slow or delayed send to its chat",
  async (name) => {
    const fields = Object.keys(
      z.toJSONSchema(commandCatalog[name].input, { io: "input", unrepresentable: "any" }).properties ?? {},
    );
    const field = fields.find((one) => ["to", "chat", "who", "community", "channel", "group"].includes(one)) ?? "";
    const waiting = new Waiting(() => undefined);
    const make = (id: string, position: number, more: Partial<OrderedCommand>) =>
      ({ ...command(id, Date.now() + 86_400_000), position, ...more }) as OrderedCommand;
    const change = (id: string, position: number, subject: string) =>
      make(id, position, { name, input: { [field]: subject }, waId: null, chatId: null } as Partial<OrderedCommand>);
    const release = waiting.hold(make("SLOW", 1, link(2)));
    waiting.push(change("SAME", 2, person(2)));
    waiting.push(change("OTHER", 3, person(3)));
    expect(waiting.next(() => undefined)?.id).toBe("OTHER");
    release();
    expect(waiting.next(() => undefined)?.id).toBe("SAME");
  },
);

test("a group is left only after the message that was delayed before", async () => {
  const { queue, sent, push, resume, pass, change, mutated } = startPreparing();
  push("DELAYED", { chatId: group, options: { delay: 10_000 } });
  change("group.leave", { group });
  change("group.setSubject", { group: "120363000000000002@g.us", subject: "other group" });
  push("OTHER", { chatId: person(3) });
  push("AFTER", { chatId: group });
  resume();
  await pass();
  expect({ sent, mutated }).toEqual({ sent: ["OTHER"], mutated: ["other group"] });
  await pass(10);
  expect({ sent, mutated }).toEqual({ sent: ["OTHER", "DELAYED", "AFTER"], mutated: ["other group", "left"] });
  queue.pause();
});

test("a picture of a group that does not arrive holds no messages to the group", async () => {
  const { queue, sent, push, resume, pass, answer, change, mutated } = startPreparing();
  change("group.setPicture", { group, url: "http://picture" });
  push("TEXT", { chatId: group });
  resume();
  await pass();
  change("group.setSubject", { group, subject: "new subject" });
  await pass();
  expect({ sent, mutated }).toEqual({ sent: ["TEXT"], mutated: [] });
  answer("http://picture");
  await pass();
  expect(mutated).toEqual(["picture set", "new subject"]);
  queue.pause();
});

test("prepares four sends at once, and texts pass those that wait for room", async () => {
  const { queue, sent, push, resume, pass, answer, asked } = startPreparing();
  for (const digit of [2, 3, 4, 5, 6]) push(`SLOW${digit}`, link(digit));
  push("TEXT", { chatId: person(7) });
  resume();
  await pass();
  expect({ sent, asked: asked().length }).toEqual({ sent: ["TEXT"], asked: 4 });
  answer("http://page/3");
  await pass();
  expect({ sent, asked: asked().length }).toEqual({ sent: ["TEXT", "SLOW3"], asked: 5 });
  queue.pause();
});

test("takes sends out whose pages don't answer, those that are typed, and those behind them", async () => {
  const { queue, sent, push, resume, pass, aborted } = startPreparing();
  push("SLOW", link(2));
  push("BEHIND", { chatId: person(2) });
  push("DELAYED", { chatId: person(3), options: { delay: 20_000 } });
  push("LATER", { chatId: person(3) });
  push("STAYS", { ...link(4), inBulk: true });
  push("NEXT", { chatId: person(4) });
  resume();
  await pass();
  const taken = queue.takeSends(({ inBulk, id }) => !inBulk && id !== "NEXT").map(({ id }) => id);
  expect({ taken: taken.toSorted(), aborted, size: queue.size }).toEqual({
    taken: ["BEHIND", "DELAYED", "LATER", "SLOW"],
    aborted: ["http://page/2"],
    size: 2,
  });
  await pass(60);
  expect(sent).toEqual([]);
  push("AFTER", { chatId: person(2) });
  await pass();
  expect(sent).toEqual(["AFTER"]);
  queue.pause();
});

test("a picture that does not arrive holds only later changes of the profile", async () => {
  const { queue, sent, push, resume, pass, answer, change, mutated } = startPreparing();
  change("profile.setPicture", { url: "http://picture" });
  change("profile.setAbout", { about: "new text" });
  change("group.setSubject", { group, subject: "new subject" });
  push("TEXT");
  resume();
  await pass();
  expect({ sent, mutated }).toEqual({ sent: ["TEXT"], mutated: ["new subject"] });
  answer("http://picture");
  await pass();
  expect(mutated).toEqual(["new subject", "picture set", "about set"]);
  queue.pause();
});

test("a preparation goes on when the connection ends, and its message is sent once", async () => {
  const { queue, sent, push, resume, pass, answer, asked } = startPreparing();
  push("SLOW", link(2));
  push("BEHIND", { chatId: person(2) });
  resume();
  await pass();
  queue.pause();
  resume();
  await pass();
  answer("http://page/2");
  await pass();
  expect({ sent, asked: asked() }).toEqual({ sent: ["SLOW", "BEHIND"], asked: ["http://page/2"] });
  queue.pause();
});

test("a queue that finishes cancels preparations and keeps their sends", async () => {
  const { queue, sent, push, resume, pass, aborted } = startPreparing();
  push("SLOW", link(2));
  resume();
  await pass();
  await queue.finish(5_000);
  expect({ sent, aborted, size: queue.size }).toEqual({ sent: [], aborted: ["http://page/2"], size: 1 });
  queue.pause();
});

test("the pace holds single sends, and neither mutations nor bulks", async () => {
  const brake = { ...brakeWith({}), pace: { ...defaultPace, perMinute: 1 } } as Brake;
  const { queue, sent, push, resume, pass, change, mutated } = startPreparing({ brake });
  for (const [id, digit] of [
    ["A", 2],
    ["B", 3],
    ["C", 4],
  ] as const)
    push(id, { chatId: person(digit) });
  push("BULK", { chatId: person(5), inBulk: true });
  push("BULK_BEHIND", { chatId: person(3), inBulk: true });
  change("message.edit", { messageId: "3EB0B", text: "new" });
  push("GROUP", { chatId: group });
  push("GROUP_BEHIND", { chatId: group, inBulk: true });
  change("group.setSubject", { group, subject: "new subject" });
  resume();
  await pass();
  expect({ sent, mutated }).toEqual({ sent: ["A", "BULK"], mutated: ["new subject"] });
  await pass(60);
  expect({ sent, mutated }).toEqual({
    sent: ["A", "BULK", "B", "BULK_BEHIND"],
    mutated: ["new subject", "message looked up"],
  });
  queue.pause();
});

test("a change of the pace lets the sends go out that it held", async () => {
  const brake = { ...brakeWith({}), pace: { ...defaultPace, minGapMs: 600_000, jitter: 0 } };
  const { queue, sent, push, resume, pass } = startSteps({ brake: brake as unknown as Brake });
  for (const id of ["A", "B", "C"]) push(id);
  resume();
  await pass();
  expect(sent).toEqual(["A"]);
  brake.pace = defaultPace;
  queue.paceChanged();
  await pass();
  expect(sent).toEqual(["A", "B", "C"]);
  queue.pause();
});

test.each(["mayStart", "before"] as const)(
  "sends that waited for the database (%s) for seconds go out at the pace and in order",
  async (query) => {
    const database = Promise.withResolvers<void>();
    const before = query === "before" ? () => database.promise.then(() => undefined) : async () => undefined;
    const mayStart = () => (query === "mayStart" ? database.promise : Promise.resolve()).then(() => true);
    const brake = { ...brakeWith({ before }), pace: { ...defaultPace, minGapMs: 5_000, jitter: 0 } };
    const { queue, sent, push, resume, pass } = startSteps({ brake: brake as unknown as Brake, mayStart });
    for (const digit of [2, 3, 4]) push(`TO${digit}`, { chatId: person(digit) });
    resume();
    await pass(8);
    database.resolve();
    await pass();
    expect(sent).toEqual(["TO2"]);
    await pass(5);
    expect(sent).toEqual(["TO2", "TO3"]);
    await pass(5);
    expect(sent).toEqual(["TO2", "TO3", "TO4"]);
    queue.pause();
  },
);

test("a late send is kept back if sends are paused, or its user is disabled, while its recipients are looked up", async () => {
  const answer = Promise.withResolvers<void>();
  const kept: string[] = [];
  let wait: Wait | undefined;
  let isDisabled = false;
  const brake = brakeWith({ before: async () => wait, hold: async ({ id }) => void kept.push(id) });
  const mayStart = async ({ id }: OrderedCommand) => !(isDisabled && id === "DISABLED");
  const { queue, sent, steps, push, resume, pass } = startSteps({ brake, mayStart });
  steps.lookUp = () => answer.promise;
  for (const [index, id] of ["FIRST", "DISABLED", "LAST"].entries()) push(id, { chatId: person(2 + index) });
  resume();
  await pass(5);
  wait = { reason: "paused", until: new Date() };
  isDisabled = true;
  answer.resolve();
  await pass();
  expect({ sent, kept, size: queue.size }).toEqual({ sent: [], kept: ["FIRST", "LAST"], size: 0 });
  queue.pause();
});

test("commands that run while all commands are failed fail when they end, and aren't sent on a later link", async () => {
  const answer = Promise.withResolvers<void>();
  const { queue, sent, steps, push, resume, pass, ends, errors } = startSteps();
  steps.lookUp = () => answer.promise;
  for (const [index, id] of ["LATE", "CURRENT", "WAITING"].entries()) push(id, { chatId: person(2 + index) });
  resume();
  await pass(3.1);
  await queue.failAll(new AppError("instance_not_connected"));
  expect(ends()).toEqual(["WAITING failed"]);
  answer.resolve();
  await pass();
  expect({ ends: ends().slice(1).toSorted(), errors: errors(), size: queue.size }).toEqual({
    ends: ["CURRENT failed", "LATE failed"],
    errors: Array(3).fill("instance_not_connected"),
    size: 0,
  });
  resume();
  push("NEW");
  await pass();
  expect(sent).toEqual(["NEW"]);
  queue.pause();
});
