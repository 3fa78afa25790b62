import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { withMetrics } from "../../core/metric/emit.ts";
import { lambdaHandler } from "./lambda.ts";
import { runningApp } from "./running.ts";

/**
 * Handles events of an API Gateway HTTP API, payload format 2.0. Responds with 503 if the API can't start; the next request
 * tries again.
 */
export const handler = withMetrics(async <Event extends LambdaEvent>(event: Event, context?: LambdaContext) =>
  lambdaHandler(await runningApp())(event, context),
);
