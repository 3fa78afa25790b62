import { randomUUID } from "node:crypto";
import type { Context, EventBridgeEvent } from "aws-lambda";
import { labelled } from "../../core/work.ts";
import { accountId, lambdaContext, withinTime } from "./context.ts";

export type ScheduledEvent = EventBridgeEvent<"Scheduled Event", Record<string, never>>;
export type ScheduleHandler = (event: ScheduledEvent, context: Context) => Promise<unknown>;

export type ScheduleOptions = {
  handler: ScheduleHandler;
  everyMs: number;
  /** The name of the rule in the event's `resources`. */
  name: string;
  /**
   * A run that lasts longer than this no longer prevents the next run. Default: runs never overlap, even if a run exceeds
   * its timeout.
   */
  overlapAfterMs?: number;
  /** Timeout of a run. Default: `everyMs`, at least 30 s. */
  timeoutMs?: number;
  region?: string;
  /** Called with the errors of failed runs. Default: console.error. */
  onError?: (error: unknown) => void;
};

export type Schedule = {
  /** Prevents further runs, and waits for the current one up to its timeout. */
  stop(): Promise<void>;
};

/**
 * Calls a Lambda handler at a fixed rate with the event of an EventBridge schedule. The first run is after one period.
 * Skips runs while an earlier run is still in progress, for up to `overlapAfterMs`. After a failed run, the next run starts as scheduled.
 */
export function startSchedule(options: ScheduleOptions): Schedule {
  const timeoutMs = options.timeoutMs ?? Math.max(options.everyMs, 30_000);
  const region = options.region ?? "us-east-1";
  const onError = options.onError ?? ((error) => console.error(error));
  const current = new Set<Promise<void>>();
  /** Runs that prevent the next run. */
  let blocking = 0;

  const timer = setInterval(() => {
    if (blocking > 0) return;
    const started = run().finally(() => current.delete(started));
    current.add(started);
  }, options.everyMs);

  async function run(): Promise<void> {
    const event: ScheduledEvent = {
      version: "0",
      id: randomUUID(),
      "detail-type": "Scheduled Event",
      source: "aws.events",
      account: accountId,
      time: `${new Date().toISOString().slice(0, 19)}Z`,
      region,
      resources: [`arn:aws:events:${region}:${accountId}:rule/${options.name}`],
      detail: {},
    };
    blocking++;
    const work = labelled(`function ${options.name}`, async () =>
      options.handler(event, lambdaContext(options.name, timeoutMs, region)),
    );
    // A run continues after its timeout.
    let blocks = true;
    const done = () => {
      if (blocks) blocking--;
      blocks = false;
    };
    work.then(done, done);
    if (options.overlapAfterMs !== undefined) setTimeout(done, options.overlapAfterMs).unref();
    try {
      await withinTime(work, timeoutMs);
    } catch (error) {
      onError(error);
    }
  }

  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(current);
    },
  };
}
