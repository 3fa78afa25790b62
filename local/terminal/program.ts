import { setTimeout as sleep } from "node:timers/promises";

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const echoMs = 1_000;

/**
 * Runs what a person started, and ends the process: with 0 when `work` is done, or was asked to stop and did, and with 1
 * and the reason when it failed. `signal` is aborted by Ctrl-C and its like; a later one ends the process at once.
 */
export async function runProgram(work: (signal: AbortSignal) => Promise<void>): Promise<never> {
  const abort = new AbortController();
  let askedAt = 0;
  const onSignal = () => {
    if (!abort.signal.aborted) {
      askedAt = performance.now();
      process.stdout.write("\nStopping …\n");
      abort.abort();
    } else if (performance.now() - askedAt > echoMs) {
      process.exit(130);
    }
  };
  for (const name of stopSignals) process.on(name, onSignal);
  try {
    await work(abort.signal);
  } catch (error) {
    if (!isAbort(error, abort.signal)) {
      process.stderr.write(`\n${explain(error)}\n`);
      process.exit(1);
    }
  }
  process.exit(0);
}

/** Whether `error` only says that `signal` was aborted. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

/** `promise`, unless `signal` is aborted first; then it throws the reason. */
export async function unlessAborted<Value>(signal: AbortSignal, promise: Promise<Value>): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Resolves when `signal` is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // A timer besides the listener: it alone keeps the process running.
  const alive = setInterval(() => undefined, 2 ** 30);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(alive);
}

/** Asks again and again until there is an answer. Throws, naming `what`, when there is none in time. */
export async function askUntil<Answer>(
  signal: AbortSignal,
  what: string,
  ask: () => Promise<Answer | undefined>,
  options: { everyMs?: number; timeoutMs?: number } = {},
): Promise<Answer> {
  const { everyMs = 50, timeoutMs = 20_000 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what} did not come within ${timeoutMs / 1000} s`);
    await sleep(everyMs, undefined, { signal });
  }
}

/** An error in words, with what led to it; with the stack for whoever asked for details by `LOG_LEVEL`. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (/^(debug|trace)$/.test(process.env.LOG_LEVEL ?? "")) return error.stack ?? error.message;
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause.message && !error.message.includes(cause.message)) causes.push(`  because: ${cause.message}`);
  }
  return [error.message || error.name, ...causes].join("\n");
}
