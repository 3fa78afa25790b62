import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { withMetrics } from "../../core/metric/emit.ts";
import { runningApp } from "./running.ts";
import { streamResponse } from "./streaming.ts";

const respond = withMetrics(
  async (event: LambdaEvent, stream: Parameters<typeof awslambda.HttpResponseStream.from>[0], context: LambdaContext) =>
    streamResponse(
      await runningApp(),
      event,
      (head) => awslambda.HttpResponseStream.from(stream, { ...head }),
      context,
    ),
);

/** Handles requests at a function URL with response streaming, for the endpoints whose response is a stream. */
export const handler = awslambda.streamifyResponse<LambdaEvent>(respond);
