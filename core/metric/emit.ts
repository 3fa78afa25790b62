import { systemClock } from "../clock.ts";
import { type Config, readConfig } from "../config.ts";
import { takeEmf } from "./index.ts";

type Settings = Pick<Config, "METRICS" | "QUEUE_PREFIX">;

/** How often a long-lived process writes its metrics, in milliseconds. */
const intervalMs = 60_000;

/**
 * Writes metrics that have changed to standard output if `METRICS` is `emf`. They bypass the logger, because CloudWatch
 * does not recognize metrics inside a log entry of the logger.
 */
function emitMetrics(config: Settings, at: Date): void {
  const line = config.METRICS === "emf" ? takeEmf(config.QUEUE_PREFIX, at) : null;
  if (line) process.stdout.write(`${line}\n`);
}

/** Writes metrics every minute, for a long-lived process. `stop` writes them a last time. */
export function startEmitting(config: Settings): { stop(): void } {
  const emit = () => emitMetrics(config, systemClock.now());
  const timer = setInterval(emit, intervalMs);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      emit();
    },
  };
}

/** Wraps a handler so that metrics are written after each call. Use it for a function that is frozen between calls. */
export function withMetrics<Handler extends (...args: never[]) => Promise<unknown>>(handler: Handler): Handler {
  let settings: Settings | undefined;
  const wrapped = async (...args: Parameters<Handler>): Promise<unknown> => {
    try {
      return await handler(...args);
    } finally {
      settings ??= readSettings();
      if (settings) emitMetrics(settings, systemClock.now());
    }
  };
  return wrapped as Handler;
}

/** Returns undefined if the environment is invalid. The handler reports that error. */
function readSettings(): Settings | undefined {
  try {
    return readConfig();
  } catch {
    return undefined;
  }
}
