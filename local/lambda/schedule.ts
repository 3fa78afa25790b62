import { randomUUID } from "node:crypto";
import type { Context, EventBridgeEvent } from "aws-lambda";
import { accountId, lambdaContext, withinTime } from "./context.ts";

export type ScheduledEvent = EventBridgeEvent<"Scheduled Event", Record<string, never>>;
export type ScheduleHandler = (event: ScheduledEvent, context: Context) => Promise<unknown>;

export type ScheduleOptions = {
  handler: ScheduleHandler;
  everyMs: number;
  /** Name of the rule, in the event's `resources`. */
  name: string;
  /** After this long a run counts as failed. Default: `everyMs`, at least 30 s. */
  timeoutMs?: number;
  region?: string;
  /** Told of failed runs. Default: console.error. */
  onError?: (error: unknown) => void;
};

export type Schedule = {
  /** Starts no more runs and waits for the one under way, as long as that may take. */
  stop(): Promise<void>;
};

/**
 * Calls a Lambda handler at a fixed rate with EventBridge's event, the first time after one period. A run that takes
 * longer than the period makes the next ones fall out; a failed run is reported and the next one comes in its time.
 */
export function startSchedule(options: ScheduleOptions): Schedule {
  const timeoutMs = options.timeoutMs ?? Math.max(options.everyMs, 30_000);
  const region = options.region ?? "us-east-1";
  const onError = options.onError ?? ((error) => console.error(error));
  let current: Promise<void> = Promise.resolve();
  let working = false;

  const timer = setInterval(() => {
    if (!working) current = run();
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
    working = true;
    const work = (async () => options.handler(event, lambdaContext(options.name, timeoutMs, region)))();
    // A run that took too long works on unseen: the next one must not overlap it.
    const done = () => {
      working = false;
    };
    work.then(done, done);
    try {
      await withinTime(work, timeoutMs);
    } catch (error) {
      onError(error);
    }
  }

  return {
    stop: async () => {
      clearInterval(timer);
      await current;
    },
  };
}
