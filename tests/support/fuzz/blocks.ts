/** How often the CPU time is read, in milliseconds. */
const everyMs = 10;

/**
 * Measures the longest time that this thread worked without serving other work. Counts CPU time of the thread, so a
 * busy machine doesn't change the result. `what` describes the work in progress.
 */
export function watchBlocks(what: () => string): { worst: { ms: number; work: string }; stop(): void } {
  const worst = { ms: 0, work: "" };
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = process.threadCpuUsage();
    const ms = (now.user + now.system - before.user - before.system) / 1000;
    before = now;
    if (ms > worst.ms) Object.assign(worst, { ms, work: what() });
  }, everyMs);
  return { worst, stop: () => clearInterval(timer) };
}
