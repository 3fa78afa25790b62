import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prometheusText } from "../../../core/metric/index.ts";
import { startWatchdog } from "../../../core/metric/watchdog.ts";
import { labelled, noteWork } from "../../../core/work.ts";
import { recordedLogger } from "../../support/log.ts";

let lines: string[];
let stop: () => void;
beforeEach(() => {
  const recorded = recordedLogger("test");
  lines = recorded.lines;
  ({ stop } = startWatchdog(recorded.log));
});
afterEach(() => stop());

/** Works for `ms` of CPU time, so that the result doesn't depend on how busy the machine is. */
function block(ms: number): void {
  const before = process.threadCpuUsage();
  for (let used = 0; used < ms * 1000; ) {
    const { user, system } = process.threadCpuUsage(before);
    used = user + system;
  }
}

const warnings = () => lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "the event loop was blocked");
const total = () => Number(/switchboard_event_loop_delay_total (\d+)/.exec(prometheusText({}))?.[1]);

test("a block of 300 ms is logged with the label of the work, and counted", async () => {
  const before = total();
  await sleep(50);
  await labelled("GET /before", async () => undefined);
  await sleep(50);
  const waiting = labelled("poller replies", () => sleep(400));
  await labelled("POST /blocking", async () => {
    await nextTurn();
    block(300);
  });
  await expect.poll(warnings).toHaveLength(1);
  const [{ delayMs, cpuMs, work }] = warnings();
  expect(delayMs).toBeGreaterThan(200);
  expect(cpuMs).toBeGreaterThan(100);
  expect(work.map(({ label }: { label: string }) => label)).toEqual(["POST /blocking", "poller replies"]);
  expect(total() - before).toBe(delayMs);
  await waiting;
});

test("a block while a stanza is handled is logged with the kind of the stanza", async () => {
  await sleep(50);
  noteWork("stanza receipt");
  await nextTurn();
  block(300);
  await expect.poll(warnings).toHaveLength(1);
  expect(warnings()[0].work).toMatchObject([{ label: "stanza receipt", count: 1 }]);
});

test("repeated blocks are all counted, but logged at most once in 10 seconds", async () => {
  const before = total();
  for (let i = 0; i < 3; i++) {
    await sleep(60);
    block(250);
  }
  await sleep(60);
  expect(warnings()).toHaveLength(1);
  expect(total() - before).toBeGreaterThan(600);
});

test("a process that is not blocked logs nothing", async () => {
  await labelled("GET /fast", () => sleep(300));
  // A busy machine can delay the process itself. Such a delay is logged with little CPU time.
  expect(warnings().filter(({ cpuMs }) => cpuMs > 150)).toEqual([]);
});
