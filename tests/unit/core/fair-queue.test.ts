import { expect, test } from "vitest";
import { FairQueue } from "../../../core/fair-queue.ts";
import { MicroBatch } from "../../../core/micro-batch.ts";

const flood = Array.from({ length: 64 }, (_, index) => `flood ${index}`);

test("an item is taken after one item of each other owner, however many they have", () => {
  const queue = new FairQueue<string>();
  for (const item of flood) queue.push("busy", item);
  queue.push("quiet", "quiet 0");
  queue.push("third", "third 0");
  expect(queue.take(4)).toEqual(["flood 0", "quiet 0", "third 0", "flood 1"]);
  queue.push("quiet", "quiet 1");
  expect(queue.take(2)).toEqual(["flood 2", "quiet 1"]);
  expect(queue.take(100)).toEqual(flood.slice(3));
  expect([queue.size, queue.take(1)]).toEqual([0, []]);
});

test("the items of an owner keep their order while tens of thousands come and go", () => {
  const queue = new FairQueue<number>();
  const taken: number[] = [];
  let pushed = 0;
  for (let turn = 0; turn < 40; turn++) {
    for (let count = 0; count < 1_500; count++) queue.push("busy", pushed++);
    taken.push(...queue.take(turn < 20 ? 700 : 2_000));
  }
  taken.push(...queue.take(pushed));
  expect(taken).toEqual(Array.from({ length: pushed }, (_, index) => index));
  expect([queue.size, queue.take(1)]).toEqual([0, []]);
});

test("an item that doesn't fit waits at its place, unless it is the first", () => {
  const queue = new FairQueue<number>();
  for (const size of [9, 1, 1]) queue.push("a", size);
  queue.push("b", 8);
  const takeUpTo = (limit: number) => {
    let sum = 0;
    return queue.take(10, (size) => {
      sum += size;
      return sum <= limit;
    });
  };
  expect([takeUpTo(5), takeUpTo(5), takeUpTo(5), queue.size]).toEqual([[9], [8], [1, 1], 0]);
});

test("a call of a batch takes turns between owners", async () => {
  const calls: string[][] = [];
  const batch = new MicroBatch<string>(async (items) => void calls.push(items), 3);
  await Promise.all([...flood.map((item) => batch.add(item, "busy")), batch.add("quiet", "quiet")]);
  expect(calls.slice(0, 2)).toEqual([["flood 0"], ["flood 1", "quiet", "flood 2"]]);
  expect(calls.flat().filter((item) => item !== "quiet")).toEqual(flood);
});
