import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { AppError } from "../../core/error.ts";
import { createLogger } from "../../core/log.ts";
import { emitting } from "../../core/metric/emit.ts";
import { createRefusal } from "./app.ts";
import { openApp } from "./runtime.ts";

let serving: Promise<ReturnType<typeof handle>> | undefined;

/** API Gateway's HTTP API, payload format 2.0. What cannot be opened now is tried again with the next request. */
export const handler = emitting(async <Event extends LambdaEvent>(event: Event, context?: LambdaContext) => {
  serving ??= openApp()
    .catch((error: unknown) => {
      serving = undefined;
      createLogger("api").error({ err: error }, "the API cannot be opened");
      return createRefusal(new AppError("unavailable"));
    })
    .then((app) => handle(app));
  return (await serving)(event, context);
});
