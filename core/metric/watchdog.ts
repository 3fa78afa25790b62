import type { Logger } from "../log.ts";
import { type Work, workSince } from "../work.ts";
import { count } from "./index.ts";

/** How often the event loop is checked, in milliseconds. A measured delay is too short by at most this much. */
const checkMs = 25;
/** Longer delays are logged and counted, in milliseconds. */
const maxDelayMs = 200;
/** At most one line is written in this time, in milliseconds. The next line contains what was not written. */
const logEveryMs = 10_000;
/** How many labels a line has at most. */
const maxLabels = 10;

/**
 * Watches the event loop of this process. A delay of more than 200 ms is counted and logged with the labels of the work
 * that ran meanwhile (`labelled`). Use it only in long-lived processes: a Lambda function is frozen between calls, which
 * looks like a delay.
 */
export function startWatchdog(log: Logger): { stop(): void } {
  let checkedAt = performance.now();
  let cpuBefore = process.threadCpuUsage();
  let loggedAt = Number.NEGATIVE_INFINITY;
  let unlogged = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const delayMs = Math.round(now - checkedAt - checkMs);
    const cpu = process.threadCpuUsage(cpuBefore);
    const since = checkedAt;
    cpuBefore = process.threadCpuUsage();
    checkedAt = now;
    if (delayMs <= maxDelayMs) return;
    count("EventLoopDelay", delayMs);
    if (now - loggedAt < logEveryMs) {
      unlogged += 1;
      return;
    }
    // Little CPU time of this thread means that the machine was busy or the process was stopped, and not that the work took long.
    const cpuMs = Math.round((cpu.user + cpu.system) / 1000);
    log.warn({ delayMs, cpuMs, work: labelsOf(workSince(since), now), unlogged }, "the event loop was blocked");
    loggedAt = now;
    unlogged = 0;
  }, checkMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Returns one entry for each label, with the age of its newest piece of work in milliseconds. */
function labelsOf(work: readonly Work[], now: number): { label: string; count: number; ageMs: number }[] {
  const byLabel = Map.groupBy(work, ({ label }) => label);
  return [...byLabel]
    .slice(0, maxLabels)
    .map(([label, same]) => ({ label, count: same.length, ageMs: Math.round(now - (same[0]?.startedAt ?? now)) }));
}
