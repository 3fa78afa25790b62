import type { Config } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { createQueues, eventQueue, ingressQueue, openQueues } from "../../core/queue/index.ts";
import { ingressTimeoutSeconds, retrySeconds, webhookTimeoutSeconds } from "../../core/queue/name.ts";
import { sqsClient, sqsFor } from "../../core/queue/service.ts";
import { openStorage } from "../../core/storage/index.ts";
import { isStreamPath } from "../../functions/api/engine/stream-path.ts";
import * as api from "../../functions/api/index.ts";
import { endStreams, runningApp } from "../../functions/api/running.ts";
import { type StreamHandler, streamResponse } from "../../functions/api/streaming.ts";
import * as cron from "../../functions/cron/index.ts";
import * as ingress from "../../functions/ingress/index.ts";
import { type Prepared, prepareDatabase } from "../../functions/migrate/prepare.ts";
import * as webhook from "../../functions/webhook/index.ts";
import { type ApiGateway, startApiGateway } from "../lambda/api-gateway.ts";
import { startEventSource } from "../lambda/event-source.ts";
import { functionUrl } from "../lambda/function-url.ts";
import { startSchedule } from "../lambda/schedule.ts";
import { bucketProxy } from "./bucket-proxy.ts";

export { startHostProcess } from "./host-process.ts";
export { releasePredecessor } from "./predecessor.ts";

/**
 * How often the cron function runs. On AWS, the function runs once a minute. Locally, it runs more often, so that
 * retries don't take that long.
 */
const cronMs = 2_000;

/** Creates the tables, queues, bucket and first admin, as a deployment on AWS does. */
export async function prepare(config: Config): Promise<Prepared> {
  const queues = openQueues(config);
  try {
    const [prepared] = await Promise.all([
      prepareDatabase(config),
      createQueues(queues, config),
      openStorage(config).createBucket(),
    ]);
    return prepared;
  } finally {
    queues.client.destroy();
  }
}

/** The queues that invoke functions. */
export const eventSources = [
  {
    name: "webhook",
    queue: eventQueue,
    handler: webhook.handler,
    concurrency: 8,
    // Waiting for slow endpoints is cheap. Lambda would also start more invocations.
    invocations: 256,
    timeoutMs: webhookTimeoutSeconds * 1000,
  },
  {
    name: "ingress",
    queue: ingressQueue,
    handler: ingress.handler,
    concurrency: 2,
    timeoutMs: ingressTimeoutSeconds * 1000,
  },
];

/** Starts the functions that queues and the schedule invoke. Adds their shutdown to `undo`. */
export async function startFunctions(config: Config, log: Logger, undo: (() => unknown)[]): Promise<void> {
  const client = sqsClient(config);
  const sqs = sqsFor(config, client);
  undo.push(() => client.destroy());
  const queues = openQueues(config);
  for (const { name, queue, ...source } of eventSources) {
    const started = await startEventSource({
      ...source,
      sqs,
      queueUrl: await queues.url(queue),
      batchSize: 10,
      retryDelay: retrySeconds,
      functionName: name,
      onError: (error) => log.error({ err: error }, `the ${name} function failed`),
    });
    undo.push(() => started.stop());
  }
  queues.client.destroy();
  const schedule = startSchedule({
    handler: cron.handler,
    everyMs: cronMs,
    name: "cron",
    // As on AWS: longer than the longest time limit of an attempt.
    timeoutMs: 90_000,
    // The other jobs must not wait for endpoints. At the end of a run, the function only waits for endpoints.
    overlapAfterMs: 5_000,
    onError: (error) => log.error({ err: error }, "the cron function failed"),
  });
  undo.push(() => schedule.stop());
}

/** Serves the API function over HTTP, and the files of the bucket with `FILES_THROUGH_API`. */
export async function serveApi(config: Config, log: Logger): Promise<ApiGateway> {
  // With X-Forwarded-* headers, the API would refuse to create keys without credentials.
  const addForwarded = !config.OPEN_KEY_GENERATION;
  const onError = (error: unknown) => log.error({ err: error }, "the api function failed");
  const handler: StreamHandler = async (...call) => streamResponse(await runningApp(), ...call);
  const streams = functionUrl({
    ...{ handler, serves: isStreamPath, functionName: "stream", addForwarded, onError },
  });
  const files = config.FILES_THROUGH_API ? bucketProxy(config, log) : undefined;
  const server = await startApiGateway({
    handler: api.handler,
    port: config.PORT,
    host: config.HOST,
    addForwarded,
    functionName: "api",
    onError,
    direct: (request, response) => files?.serve(request, response) || streams(request, response),
  });
  const stop = async () => {
    endStreams();
    await server.stop();
    files?.stop();
  };
  return { ...server, stop };
}
