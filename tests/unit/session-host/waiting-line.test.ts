import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Change } from "../../../session-host/ledger/change.ts";
import { WaitingLine } from "../../../session-host/ledger/waiting-line.ts";

const at = new Date(0);
const ack: Change = { acks: [{ waId: "A" }], commands: [], correlationId: "c" };
const receipt: Change = {
  progress: [{ waIds: ["A"], status: "read", by: "b", timestamp: 1, chats: ["c"], people: ["b"] }],
};
const message: Change = { messages: [], keys: [] };
const end: Change = { commands: [] };
const keysWithAck: Change = { ...ack, keys: [] };

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** A line with changes as `<instance> <name>`. */
function lineOf(...changes: [string, Change][]) {
  const line = new WaitingLine<{ name: string; instanceId: string; change: Change; at: Date }>();
  for (const [name, change] of changes) line.push({ name, instanceId: name.split(" ")[0] ?? "", change, at });
  return { line, take: (max = 512) => line.take(max).map(({ name }) => name) };
}

test.each<[string, Change]>([
  ["a message", message],
  ["the end of a command", end],
  ["keys with an acknowledgement", keysWithAck],
])("%s is due at once", async (_what, change) => {
  const { line, take } = lineOf(["a 1", change]);
  await line.due();
  expect(take()).toEqual(["a 1"]);
});

test.each([
  ["an acknowledgement", ack],
  ["a receipt", receipt],
])("%s lingers for 5 ms, and shares the commit with those that come meanwhile", async (_what, change) => {
  const { line, take } = lineOf(["a 1", change]);
  let due = false;
  const done = line.due().then(() => {
    due = true;
  });
  await vi.advanceTimersByTimeAsync(4);
  expect(due).toBe(false);
  line.push({ name: "b 2", instanceId: "b", change: ack, at });
  await vi.advanceTimersByTimeAsync(1);
  await done;
  expect(take()).toEqual(["a 1", "b 2"]);
});

test("a message ends the wait at once", async () => {
  const { line, take } = lineOf(["a 1", receipt]);
  const done = line.due();
  line.push({ name: "a 2", instanceId: "a", change: message, at });
  await done;
  expect(take()).toEqual(["a 1", "a 2"]);
});

test("a frame that waits for an instance ends the wait of this instance's changes only", async () => {
  const { line, take } = lineOf(["a 1", receipt], ["b 1", ack], ["a 2", ack]);
  const done = line.due();
  line.hurry("c");
  line.hurry("a");
  await done;
  expect(take()).toEqual(["a 1", "a 2"]);
  expect(line.size).toBe(1);
});

test("lines that linger together are due together", async () => {
  const lingering = new Set<() => void>();
  const lines = ["a", "b"].map((instanceId) => {
    const line = new WaitingLine<{ instanceId: string; change: Change; at: Date }>(lingering);
    line.push({ instanceId, change: ack, at });
    return line;
  });
  const [first, second] = lines.map((line) => line.due());
  await vi.advanceTimersByTimeAsync(3);
  const third = new WaitingLine<{ instanceId: string; change: Change; at: Date }>(lingering);
  third.push({ instanceId: "c", change: receipt, at });
  const last = third.due();
  await vi.advanceTimersByTimeAsync(2);
  await Promise.all([first, second, last]);
  expect([...lines, third].flatMap((line) => line.take(512)).map(({ instanceId }) => instanceId)).toEqual([
    "a",
    "b",
    "c",
  ]);
  expect(lingering.size).toBe(0);
});

describe("a message in a line of lingering changes", () => {
  const changes: [string, Change][] = [
    ["a 1", ack],
    ["b 1", receipt],
    ["a 2", message],
    ["a 3", receipt],
    ["b 2", ack],
  ];

  test("takes only the earlier ones of its instance along", async () => {
    const { line, take } = lineOf(...changes);
    await line.due();
    expect(take()).toEqual(["a 1", "a 2"]);
    await vi.advanceTimersByTimeAsync(5);
    await line.due();
    expect(take()).toEqual(["b 1", "a 3", "b 2"]);
  });

  test("keeps the order of each instance when a batch is full", async () => {
    const { line, take } = lineOf(...changes);
    await vi.advanceTimersByTimeAsync(5);
    const batches = [take(2), take(2), take(2)];
    expect(batches).toEqual([["a 1", "b 1"], ["a 2", "a 3"], ["b 2"]]);
    expect(line.size).toBe(0);
  });
});

test("an emptied line ends the wait", async () => {
  const { line, take } = lineOf(["a 1", receipt]);
  const done = line.due();
  expect(line.clear().map(({ name }) => name)).toEqual(["a 1"]);
  await done;
  expect(take()).toEqual([]);
});
