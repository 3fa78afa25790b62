import { expect, test } from "vitest";
import { judge, slope, type TimedSample } from "../../fault/soak/flatness.ts";

/** Thirty minutes of samples whose heap in MiB is `heap(minute)`. */
const samples = (heap: (minute: number) => number): TimedSample[] =>
  Array.from({ length: 61 }, (_, index) => ({
    minute: index / 2,
    rss: 200 * 1024 ** 2,
    heap: heap(index / 2) * 1024 ** 2,
    external: 0,
    descriptors: 50,
    sockets: 20,
    timers: 30,
    handles: 60,
  }));
const heapIsFlat = (heap: (minute: number) => number) =>
  judge(samples(heap)).find(({ measure }) => measure === "heap")?.flat;

test("the regression ignores outliers", () => {
  const line = Array.from({ length: 21 }, (_, x) => [x, x === 20 || x === 3 ? 1_000 : 2 * x] as const);
  expect(slope(line)).toBeCloseTo(2, 0);
});

test("growth before the end of the warm-up does not count", () => {
  expect(heapIsFlat((minute) => 50 + Math.min(minute, 10) * 10)).toBe(true);
});

test("a heap that goes up and down around one level is flat", () => {
  expect(heapIsFlat((minute) => 100 + 8 * Math.sin(minute * 7))).toBe(true);
});

test("a heap that grows by half a MiB a minute is not flat", () => {
  expect(heapIsFlat((minute) => 100 + minute / 2)).toBe(false);
});

test("a heap that shrinks is flat", () => {
  expect(heapIsFlat((minute) => 200 - minute)).toBe(true);
});
