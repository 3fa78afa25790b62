import { expect, test } from "vitest";
import { defaultPace } from "../../../core/restriction/index.ts";
import { Pacer, typingMs } from "../../../session-host/command/limit/pacer.ts";

/** Counts the messages that a pace allows in a time, with a clock that jumps to the next permitted moment. */
function sentIn(ms: number, pace: Partial<typeof defaultPace>, random = () => 0.5): number[] {
  let now = 0;
  const pacer = new Pacer(() => now, random);
  const full = { ...defaultPace, ...pace };
  const times: number[] = [];
  while (times.length < 1_000) {
    now += pacer.delay(full);
    if (now >= ms) break;
    pacer.count(full);
    times.push(now);
  }
  return times;
}

test("by default, an instance sends without a limit of its own", () => {
  expect(sentIn(1, {})).toHaveLength(1_000);
});

test("a gap that is shortened or removed ends earlier", () => {
  let now = 0;
  const pacer = new Pacer(
    () => now,
    () => 0.5,
  );
  pacer.count({ ...defaultPace, minGapMs: 600_000 });
  now = 1_000;
  expect(pacer.delay({ ...defaultPace, minGapMs: 5_000 })).toBe(4_000);
  expect(pacer.delay({ ...defaultPace, perMinute: 20 })).toBe(0);
});

test("no minute has more messages than the pace allows", () => {
  const times = sentIn(10 * 60_000, { perMinute: 20 });
  expect(times).toHaveLength(200);
  for (const [index, at] of times.entries())
    expect((times[index + 20] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(60_000);
});

test.each([
  [0, 0.5, 1_000],
  [0.5, 0, 500],
  [0.5, 1, 1_500],
])("a gap varies by the jitter: with %d and the random number %d, a gap of 1000 ms is %d ms", (jitter, number, gap) => {
  const times = sentIn(20_000, { minGapMs: 1_000, jitter }, () => number);
  expect(times[1]).toBe(gap);
  expect(times).toHaveLength(Math.ceil(20_000 / gap));
});

test.each([
  [0, 1_000],
  [50, 3_000],
  [10_000, 8_000],
])("a text of %d characters is typed for %d ms on average", (length, ms) => {
  expect(typingMs(length, () => 0.5)).toBe(ms);
});
