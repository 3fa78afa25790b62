import { setTimeout as sleep } from "node:timers/promises";
import { errorText, loggedError } from "../../core/error-text.ts";

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** One Ctrl-C can arrive twice: from the terminal and from npm. Signals within this time count as one. Milliseconds. */
const echoMs = 1_000;

/**
 * Runs `work` and ends the process: with status 0 after success or a requested stop, or with 1 and a message after a failure.
 * The first SIGINT, SIGTERM or SIGHUP aborts `signal`. Another one more than `echoMs` later ends the process
 * at once.
 */
export async function runProgram(work: (signal: AbortSignal) => Promise<void>): Promise<never> {
  const abort = new AbortController();
  let firstSignalAt = 0;
  const onSignal = () => {
    if (!abort.signal.aborted) {
      firstSignalAt = performance.now();
      process.stdout.write("\nStopping …\n");
      abort.abort();
    } else if (performance.now() - firstSignalAt > echoMs) {
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

/** Whether `error` only reports that `signal` was aborted. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

/** Settles as `promise` does, or throws the reason if `signal` is aborted first. */
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
  // A listener does not keep the process running, so a timer has to.
  const alive = setInterval(() => undefined, 2 ** 30);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(alive);
}

/** Calls `poll` until it returns a value other than undefined. Throws an error that names `what` after the timeout. */
export async function pollUntil<Result>(
  signal: AbortSignal,
  what: string,
  poll: () => Promise<Result | undefined>,
  options: { everyMs?: number; timeoutMs?: number } = {},
): Promise<Result> {
  const { everyMs = 50, timeoutMs = 20_000 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const result = await poll();
    if (result !== undefined) return result;
    if (performance.now() > end) throw new Error(`timed out after ${timeoutMs / 1000} s waiting for ${what}`);
    await sleep(everyMs, undefined, { signal });
  }
}

/** Returns the message of an error with its causes, or its stack if `LOG_LEVEL` is debug or trace. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (/^(debug|trace)$/.test(process.env.LOG_LEVEL ?? "")) return loggedError(error).stack;
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    const reason = errorText(cause);
    if (reason && !errorText(error).includes(reason)) causes.push(`  Cause: ${reason}`);
  }
  return [errorText(error) || error.name, ...causes].join("\n");
}
