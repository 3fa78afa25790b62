import type { Hono } from "hono";
import { AppError } from "../../core/error.ts";
import type { LiveEvents } from "../../core/event-stream/live.ts";
import { createLogger } from "../../core/log.ts";
import { once } from "../../core/once.ts";
import { createErrorApp } from "./app.ts";
import type { ApiEnv } from "./engine/env.ts";
import { openApp } from "./runtime.ts";

let live: LiveEvents | undefined;

const open = once(() =>
  openApp(process.env, (opened) => {
    live = opened;
  }),
);

/**
 * Returns the app of this process, which all its handlers share. If the app can't start, returns an app that responds with
 * 503, and the next call tries again.
 */
export async function runningApp(): Promise<Hono<ApiEnv>> {
  try {
    return await open();
  } catch (error) {
    createLogger("api").error({ err: error }, "cannot start the API");
    return createErrorApp(new AppError("unavailable"));
  }
}

/** Ends all streams and waiting requests of this process, which their clients then continue elsewhere. */
export function endStreams(): void {
  live?.close();
}
