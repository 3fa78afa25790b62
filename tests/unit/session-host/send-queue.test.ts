import { proto } from "@whiskeysockets/baileys";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../../../core/log.ts";
import type { OrderedCommand } from "../../../session-host/command/claimed-command.ts";
import { SendQueue } from "../../../session-host/command/send-queue.ts";
import type { ConnectedContext } from "../../../session-host/executors/types.ts";
import type { Change } from "../../../session-host/ledger/change.ts";
import { until } from "../../support/until.ts";

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
  correlationId: "test",
});

const addressing = { of: async (to: string) => ({ to, names: new Map() }), mayBeWrong: () => false };

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
    sock: { relayMessage },
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
    sock: { relayMessage },
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

test("a send with typing shows it for seconds that depend on the text, and delays only later sends to its chat", async () => {
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
    relayMessage: async (_jid: string, _message: unknown, { messageId }: { messageId: string }) =>
      void done.push(messageId),
    sendPresenceUpdate: async (state: string) => void done.push(state),
  };
  push("TYPED", 1, { options: { typing: true } });
  push("BEHIND", 2);
  push("OTHER", 3, { chatId: "4915550000003@s.whatsapp.net" });
  queue.resume({
    sock,
    recipients: { of: async () => ({ list: { jids: [], people: [] }, plan: undefined }) },
    addressing,
  } as unknown as ConnectedContext);
  await vi.advanceTimersByTimeAsync(500);
  expect(done).toEqual(["composing", "3EB0OTHER"]);
  expect(queue.size).toBe(3);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(done).toEqual(["composing", "3EB0OTHER", "paused", "3EB0TYPED", "3EB0BEHIND"]);
  queue.pause();
});
