import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { AppError } from "../../core/error.ts";
import { createLogger } from "../../core/log.ts";
import { withMetrics } from "../../core/metric/emit.ts";
import { createRefusal } from "./app.ts";
import { openApp } from "./runtime.ts";

let serving: Promise<ReturnType<typeof handle>> | undefined;

/** Handles events of an API Gateway HTTP API, payload format 2.0. If the API can't be opened, the next request tries again. */
export const handler = withMetrics(async <Event extends LambdaEvent>(event: Event, context?: LambdaContext) => {
  serving ??= openApp()
    .catch((error: unknown) => {
      serving = undefined;
      createLogger("api").error({ err: error }, "cannot open the API");
      return createRefusal(new AppError("unavailable"));
    })
    .then((app) => handle(app));
  return (await serving)(event, context);
});
