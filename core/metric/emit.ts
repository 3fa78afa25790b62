import { systemClock } from "../clock.ts";
import { type Config, readConfig } from "../config.ts";
import { takeEmf } from "./index.ts";

type Settings = Pick<Config, "METRICS" | "QUEUE_PREFIX">;

/** How often a process that lives long sends its metrics. */
const everyMs = 60_000;

/** Writes what has changed to standard output, if this stage wants it: past the logger, whose fields CloudWatch would not look for. */
export function emitMetrics(config: Settings, at: Date): void {
  const line = config.METRICS === "emf" ? takeEmf(config.QUEUE_PREFIX, at) : null;
  if (line) process.stdout.write(`${line}\n`);
}

/** For a process that lives long. */
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

/** For a function that is frozen between its calls: the same, which sends at the end of each of them. */
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

/** Undefined when the environment cannot be used: the handler has said so. */
function readSettings(): Settings | undefined {
  try {
    return readConfig();
  } catch {
    return undefined;
  }
}
