import { randomUUID } from "node:crypto";
import type { Context } from "aws-lambda";

/** The account that every local ARN names. */
export const accountId = "000000000000";

/** The context object of one Lambda invocation that may take `timeoutMs` from now. */
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
  throw new Error("Handlers with callbacks are not supported (nor by Node 24 on Lambda): return a promise.");
}

/** Thrown by `withinTime` when the work took too long. */
export class TimeoutError extends Error {}

/** Settles as `work` does, or throws TimeoutError after `timeoutMs`; the work itself cannot be stopped. */
export async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`Task timed out after ${timeoutMs / 1000} seconds`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
