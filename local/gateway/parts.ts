import { SQSClient } from "@aws-sdk/client-sqs";
import { type Config, endpointCredentials } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { createQueues, eventQueue, ingressQueue, openQueues } from "../../core/queue/index.ts";
import { ingressTimeoutSeconds } from "../../core/queue/name.ts";
import { openStorage } from "../../core/storage/index.ts";
import * as api from "../../functions/api/index.ts";
import * as cron from "../../functions/cron/index.ts";
import * as ingress from "../../functions/ingress/index.ts";
import { type Prepared, prepareDatabase } from "../../functions/migrate/prepare.ts";
import * as webhook from "../../functions/webhook/index.ts";
import { type ApiGateway, startApiGateway } from "../lambda/api-gateway.ts";
import { startEventSource } from "../lambda/event-source.ts";
import { startSchedule } from "../lambda/schedule.ts";

export { startHostProcess } from "./host-process.ts";

const webhookTimeoutMs = 60_000;
const webhookConcurrency = 8;
const ingressConcurrency = 2;
/** On AWS the schedule runs each minute; here nobody wants to wait for a retry. */
const cronMs = 2_000;

/** Tables, queues, bucket and first admin: what a deploy makes on AWS. Answers also whether the session hosts are stopped. */
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

/** The functions that events and time start. */
export async function startFunctions(config: Config, log: Logger, undo: (() => unknown)[]): Promise<void> {
  const sqs = new SQSClient({
    region: config.AWS_REGION,
    ...(config.SQS_ENDPOINT ? { endpoint: config.SQS_ENDPOINT, credentials: endpointCredentials(config) } : {}),
  });
  const queues = openQueues(config);
  undo.push(() => sqs.destroy());
  const source = await startEventSource({
    sqs,
    queueUrl: await queues.url(eventQueue),
    handler: webhook.handler,
    batchSize: 10,
    concurrency: webhookConcurrency,
    timeoutMs: webhookTimeoutMs,
    functionName: "webhook",
    onError: (error) => log.error({ err: error }, "the webhook function failed"),
  });
  undo.push(() => source.stop());
  const asked = await startEventSource({
    sqs,
    queueUrl: await queues.url(ingressQueue),
    handler: ingress.handler,
    batchSize: 10,
    concurrency: ingressConcurrency,
    timeoutMs: ingressTimeoutSeconds * 1000,
    functionName: "ingress",
    onError: (error) => log.error({ err: error }, "the ingress function failed"),
  });
  undo.push(() => asked.stop());
  queues.client.destroy();
  const schedule = startSchedule({
    handler: cron.handler,
    everyMs: cronMs,
    name: "cron",
    onError: (error) => log.error({ err: error }, "the cron function failed"),
  });
  undo.push(() => schedule.stop());
}

/** The function that requests start. */
export async function serveApi(config: Config, log: Logger): Promise<ApiGateway> {
  return await startApiGateway({
    handler: api.handler,
    port: config.PORT,
    host: config.HOST,
    // The API creates keys without credentials only for requests without such headers.
    addForwarded: !config.OPEN_KEY_GENERATION,
    functionName: "api",
    onError: (error) => log.error({ err: error }, "the API function failed"),
  });
}
