import { systemClock } from "../clock.ts";
import { type Config, readConfig } from "../config.ts";
import { takeEmf } from "./index.ts";

type Settings = Pick<Config, "METRICS" | "QUEUE_PREFIX">;

/** How often a long-lived process emits its metrics, in milliseconds. */
const everyMs = 60_000;

/**
 * Writes changed metrics to standard output if the stage wants them. They bypass the logger, because CloudWatch would
 * not find them among its fields.
 */
function emitMetrics(config: Settings, at: Date): void {
  const line = config.METRICS === "emf" ? takeEmf(config.QUEUE_PREFIX, at) : null;
  if (line) process.stdout.write(`${line}\n`);
}

/** Emits metrics regularly, for a long-lived process. */
export function startEmitting(config: Settings): { stop(): void } {
  const emit = () => emitMetrics(config, systemClock.now());
  const timer = setInterval(emit, everyMs);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      emit();
    },
  };
}

/** Emits metrics at the end of each call, for a function that is frozen between calls. */
export function emitting<Handler extends (...args: never[]) => Promise<unknown>>(handler: Handler): Handler {
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
