import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { AppError } from "../../core/error.ts";
import { createLogger } from "../../core/log.ts";
import { withMetrics } from "../../core/metric/emit.ts";
import { createErrorApp } from "./app.ts";
import { lambdaHandler } from "./lambda.ts";
import { openApp } from "./runtime.ts";

let opening: Promise<ReturnType<typeof lambdaHandler>> | undefined;

/**
 * Handles events of an API Gateway HTTP API, payload format 2.0. Responds with 503 if the API can't start; the next request
 * tries again.
 */
export const handler = withMetrics(async <Event extends LambdaEvent>(event: Event, context?: LambdaContext) => {
  opening ??= openApp()
    .catch((error: unknown) => {
      opening = undefined;
      createLogger("api").error({ err: error }, "cannot start the API");
      return createErrorApp(new AppError("unavailable"));
    })
    .then(lambdaHandler);
  return (await opening)(event, context);
});
