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
 * Skips runs while an earlier run is still in progress. After a failed run, the next run starts as scheduled.
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
    const work = labelled(`function ${options.name}`, async () =>
      options.handler(event, lambdaContext(options.name, timeoutMs, region)),
    );
    // A run continues after its timeout, and the next one must not overlap with it.
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
