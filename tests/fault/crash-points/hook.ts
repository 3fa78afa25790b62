import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { isMainThread } from "node:worker_threads";

/** A message from the driver: from now on, record the crash points that are reached, or stop the process at one. */
export type Order = { crashPoints: "record" } | { crashPoints: "report" } | { crashPoints: "stop"; at: string };

/*
 * This module is loaded into a process of the gateway before the process's own code (`--import`). It replaces the project's
 * source files with those that `instrument` has prepared, so that the gateway's code needs no crash points.
 */

type AnyPromise = PromiseLike<unknown>;
const isPromise = (value: unknown): value is AnyPromise =>
  typeof value === "object" && value !== null && typeof (value as Partial<AnyPromise>).then === "function";

let recording: Set<string> | undefined;
/** The crash point to stop at: a site, with `#begin` (when the wait begins) or `#end` (when it has ended). */
let stopAt: string | undefined;

function reach(point: string): void {
  recording?.add(point);
  if (point === stopAt) process.kill(process.pid, "SIGKILL");
}

function crashPoint(site: string, value: unknown): unknown {
  reach(`${site}#begin`);
  if (!isPromise(value) || (!recording && stopAt !== `${site}#end`)) return value;
  return Promise.resolve(value).then((result) => {
    reach(`${site}#end`);
    return result;
  });
}

async function* crashPointEach(site: string, values: AsyncIterable<unknown> | Iterable<unknown>) {
  for await (const value of values) {
    reach(`${site}#begin`);
    yield value;
  }
}

if (isMainThread && process.env.CRASH_POINTS_SOURCES) {
  Object.assign(globalThis, { __crashPoint: crashPoint, __crashPointEach: crashPointEach });
  const sources = new Map(
    Object.entries(JSON.parse(readFileSync(process.env.CRASH_POINTS_SOURCES, "utf8")) as Record<string, string>),
  );
  registerHooks({
    load(url, context, nextLoad) {
      const source = sources.get(url);
      if (source === undefined) return nextLoad(url, context);
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
  process.on("message", (order: Partial<Order>) => {
    if (order.crashPoints === "record") recording = new Set();
    if (order.crashPoints === "report") process.send?.({ reached: [...(recording ?? [])] });
    if (order.crashPoints === "stop" && "at" in order) {
      recording = undefined;
      stopAt = order.at;
    }
  });
  // The listener must not keep the process alive.
  process.channel?.unref();
}
