import { SQSClient } from "@aws-sdk/client-sqs";
import { systemClock } from "../../core/clock.ts";
import { type Config, endpointCredentials } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { openDatabase } from "../../core/db/index.ts";
import { migrate } from "../../core/db/migrate.ts";
import { systemIds } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import { createQueues, eventQueue, openQueues } from "../../core/queue/index.ts";
import { openStorage } from "../../core/storage/index.ts";
import { ensureFirstAdmin, type FirstAdmin } from "../../core/user/index.ts";
import * as api from "../../functions/api/index.ts";
import * as cron from "../../functions/cron/index.ts";
import * as webhook from "../../functions/webhook/index.ts";
import { type ApiGateway, startApiGateway } from "./api-gateway.ts";
import { startEventSource } from "./event-source.ts";
import { startSchedule } from "./schedule.ts";

export { startHostProcess } from "./host-process.ts";

const webhookTimeoutMs = 60_000;
const webhookConcurrency = 8;
/** On AWS the schedule runs each minute; here nobody wants to wait for a retry. */
const cronMs = 2_000;

/** Tables, queues, bucket and first admin: what a deploy makes on AWS. */
export async function prepare(config: Config, env: Record<string, string>): Promise<FirstAdmin | null> {
  await migrate(env.DATABASE_URL ?? "", config.SHARDS);
  const queues = openQueues(config);
  const db = openDatabase(env.DATABASE_URL ?? "", { max: 1, name: "setup" });
  try {
    await Promise.all([createQueues(queues, config), openStorage(config).createBucket()]);
    const vault = await openVault(db, await createKeyWrapper(config));
    const wanted = { email: config.ADMIN_EMAIL, password: config.ADMIN_PASSWORD };
    return await ensureFirstAdmin({ db, vault, clock: systemClock, ids: systemIds }, wanted);
  } finally {
    queues.client.destroy();
    await db.close();
  }
}

/** The functions that events and time start. */
export async function startFunctions(config: Config, log: Logger, undo: (() => unknown)[]): Promise<void> {
  const sqs = new SQSClient({
    region: config.AWS_REGION,
    ...(config.SQS_ENDPOINT ? { endpoint: config.SQS_ENDPOINT, credentials: endpointCredentials(config) } : {}),
  });
  const queues = openQueues(config);
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
  queues.client.destroy();
  undo.push(async () => {
    await source.stop();
    sqs.destroy();
  });
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
    functionName: "api",
    onError: (error) => log.error({ err: error }, "the API function failed"),
  });
}
