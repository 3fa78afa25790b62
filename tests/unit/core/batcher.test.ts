import { expect, test } from "vitest";
import { Batcher } from "../../../core/queue/batcher.ts";

const message = (id: number, size = 10) => ({ body: "x".repeat(size), groupId: "g", deduplicationId: String(id) });

/** A batcher whose calls to the queue are answered by the test. */
function setup() {
  const calls: { ids: string[]; answer: (refused: number[]) => void; fail: (error: Error) => void }[] = [];
  const batcher = new Batcher(
    (messages) =>
      new Promise((resolve, reject) => {
        calls.push({ ids: messages.map((one) => one.deduplicationId), answer: resolve, fail: reject });
      }),
  );
  return { calls, batcher };
}

test("a single message is sent at once", () => {
  const { calls, batcher } = setup();
  void batcher.send(message(1));
  expect(calls.map((call) => call.ids)).toEqual([["1"]]);
});

test("messages that arrive during a call are sent together in the next call, in order, at most ten per call", async () => {
  const { calls, batcher } = setup();
  const all = Array.from({ length: 14 }, (_, index) => batcher.send(message(index)));
  expect(calls.map((call) => call.ids)).toEqual([["0"]]);
  calls[0]?.answer([]);
  await all[0];
  await new Promise(setImmediate);
  expect(calls[1]?.ids).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
  expect(calls).toHaveLength(2);
});

test("a batch stays below the size limit of SQS", async () => {
  const { calls, batcher } = setup();
  const all = [0, 1, 2].map((index) => batcher.send(message(index, 600_000)));
  calls[0]?.answer([]);
  await all[0];
  await new Promise(setImmediate);
  expect(calls[1]?.ids).toEqual(["1"]);
});

test("a rejected message fails alone, and a failed call fails all of its messages", async () => {
  const { calls, batcher } = setup();
  const [first, second, third] = [0, 1, 2].map((index) => batcher.send(message(index)));
  calls[0]?.answer([0]);
  await expect(first).rejects.toThrow("refused");
  await new Promise(setImmediate);
  expect(calls[1]?.ids).toEqual(["1", "2"]);
  calls[1]?.fail(new Error("the network is down"));
  await expect(second).rejects.toThrow("the network is down");
  await expect(third).rejects.toThrow("the network is down");
});
