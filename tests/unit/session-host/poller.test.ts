import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Poller } from "../../../session-host/concurrency/poller.ts";

const hour = 3_600_000;

test("a poller runs again at once for new work, even if the work arrives during a run, and once more when it is stopped", async () => {
  let done = 0;
  let during: (() => void) | undefined;
  const poller = new Poller(
    async () => {
      done++;
      during?.();
      during = undefined;
      return hour;
    },
    { name: "test", active: () => true, onError: () => undefined },
  );
  poller.start();
  await expect.poll(() => done).toBe(1);
  during = () => poller.nudge();
  poller.nudge();
  await expect.poll(() => done).toBe(3);
  await sleep(50);
  expect(done).toBe(3);
  await poller.stop();
  expect(done).toBe(4);
});

test("a poller reports a failed run, and pauses before the next run even if new work arrives", async () => {
  const failures: unknown[] = [];
  const poller = new Poller(
    async () => {
      poller.nudge();
      throw new Error(`failure ${failures.length}`);
    },
    { name: "test", active: () => true, onError: (error) => failures.push(error) },
  );
  poller.start();
  await sleep(200);
  expect(failures).toEqual([new Error("failure 0")]);
  await poller.stop();
  expect(failures).toHaveLength(2);
});

test("a poller stops running when its lease is lost", async () => {
  let held = true;
  let done = 0;
  const poller = new Poller(
    async () => {
      done++;
      return 0;
    },
    { name: "test", active: () => held, onError: () => undefined },
  );
  poller.start();
  await expect.poll(() => done).toBeGreaterThan(1);
  held = false;
  await sleep(20);
  const ended = done;
  await sleep(50);
  expect(done).toBe(ended);
});
