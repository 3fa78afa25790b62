import type { Context } from "aws-lambda";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ScheduledEvent, startSchedule } from "../../local/lambda/schedule.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

test("a schedule calls the handler periodically with an EventBridge event", async () => {
  const calls: [ScheduledEvent, Context][] = [];
  const handler = async (...call: [ScheduledEvent, Context]) => calls.push(call);
  onTestFinished(startSchedule({ name: "wake", everyMs: 20, handler }).stop);
  await vi.waitFor(() => expect(calls.length).toBeGreaterThan(2));
  expect(calls[0]?.[0]).toMatchObject({
    "detail-type": "Scheduled Event",
    source: "aws.events",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    resources: ["arn:aws:events:us-east-1:000000000000:rule/wake"],
  });
  expect(calls[0]?.[1].functionName).toBe("wake");
});

test("runs never overlap, and stop waits for the current run", async () => {
  let active = 0;
  let most = 0;
  let runs = 0;
  const schedule = startSchedule({
    name: "slow",
    everyMs: 5,
    handler: async () => {
      most = Math.max(most, ++active);
      await new Promise((resolve) => setTimeout(resolve, 30));
      active--;
      runs++;
    },
  });
  await vi.waitFor(() => expect(runs).toBeGreaterThan(1));
  await schedule.stop();
  expect([active, most]).toEqual([0, 1]);
});

test("a failed run is reported, and the schedule continues", async () => {
  const errors: unknown[] = [];
  let runs = 0;
  const handler = async () => {
    if (++runs === 1) throw new Error("broken");
  };
  onTestFinished(startSchedule({ name: "flaky", everyMs: 10, handler, onError: (error) => errors.push(error) }).stop);
  await vi.waitFor(() => expect(runs).toBeGreaterThan(2));
  expect(errors).toEqual([new Error("broken")]);
});

test("a run that exceeds its time limit is reported, and the next run waits for its end", async () => {
  const errors: unknown[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let runs = 0;
  const handler = () => (++runs === 1 ? gate : Promise.resolve());
  const options = { name: "stuck", everyMs: 10, timeoutMs: 20, handler };
  const schedule = startSchedule({ ...options, onError: (error) => errors.push(error) });
  onTestFinished(schedule.stop);
  await vi.waitFor(() => expect(errors).toHaveLength(1));
  expect(runs).toBe(1);
  release();
  await vi.waitFor(() => expect(runs).toBeGreaterThan(1));
});

test("a run that lasts longer than overlapAfterMs doesn't delay the next run", async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let active = 0;
  const handler = async () => {
    active++;
    await gate;
    active--;
  };
  const schedule = startSchedule({ name: "long", everyMs: 5, overlapAfterMs: 30, handler });
  await vi.waitFor(() => expect(active).toBeGreaterThan(1));
  const stopped = schedule.stop();
  release();
  await stopped;
  expect(active).toBe(0);
});
