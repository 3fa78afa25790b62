import { randomUUID } from "node:crypto";
import type { Context } from "aws-lambda";
import { within } from "../../core/timeout.ts";

/** The account id in local ARNs. */
export const accountId = "000000000000";

/** Returns the context of a Lambda invocation that starts now. */
export function lambdaContext(functionName: string, timeoutMs: number, region = "us-east-1"): Context {
  const deadline = Date.now() + timeoutMs;
  return {
    awsRequestId: randomUUID(),
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
    memoryLimitInMB: "1024",
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: "local",
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: noCallback,
    fail: noCallback,
    succeed: noCallback,
  };
}

function noCallback(): never {
  throw new Error("Callbacks are not supported, as in Node.js 24 on Lambda: return a promise.");
}

/** Thrown by `withinTime` when the time is over. */
export class TimeoutError extends Error {}

/** Settles as `work` does, or throws `TimeoutError` after `timeoutMs`. The work itself continues. */
export function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return within(timeoutMs, work, () => new TimeoutError(`Task timed out after ${timeoutMs / 1000} seconds`));
}
