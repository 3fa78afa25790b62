import { SQSClient } from "@aws-sdk/client-sqs";
import {
  eventQueue,
  ingressQueue,
  ingressTimeoutSeconds,
  retrySeconds,
  webhookTimeoutSeconds,
} from "../../../../core/queue/name.ts";
import { sqsOverHttp } from "../../../../core/queue/service.ts";
import { startAws } from "../../../../local/aws/index.ts";
import { releaseInFlight } from "../../../../local/gateway/in-flight.ts";
import { startEventSource } from "../../../../local/lambda/event-source.ts";
import { startSchedule } from "../../../../local/lambda/schedule.ts";
import { Invoker } from "./invoker.ts";
import { serveDriver } from "./port.ts";

/** SQS, S3, the event source mappings and the schedule. On AWS too, these outlive the functions that they invoke. */
export interface AwsSetting {
  folder: string;
  queuePrefix: string;
  /** The Unix sockets of the workers. */
  workers: string[];
}

const { folder, queuePrefix, workers } = JSON.parse(process.env.AWS_SETTING ?? "") as AwsSetting;
const cronMs = 2_000;

releaseInFlight(folder);
const aws = await startAws({ dataDir: folder });
const sqs = sqsOverHttp(new SQSClient(aws.clientConfig));
const invoker = new Invoker(workers);
const onError = (error: unknown) => console.error(String(error));

/** Starts to invoke the functions, when the queues exist. */
async function poll(): Promise<void> {
  const source = (name: string, queue: string, concurrency: number, timeoutMs: number) =>
    startEventSource({
      sqs: () => sqs,
      queueUrl: `${aws.endpoint}/000000000000/${queuePrefix}-${queue}`,
      handler: (event) => invoker.invoke(name, event, timeoutMs),
      batchSize: 10,
      concurrency,
      timeoutMs,
      functionName: name,
      retryDelay: retrySeconds,
      onError,
    });
  await source("webhook", eventQueue, 8, webhookTimeoutSeconds * 1000);
  await source("ingress", ingressQueue, 2, ingressTimeoutSeconds * 1000);
  const handler = (event: unknown) => invoker.invoke("cron", event, 30_000);
  startSchedule({ handler, everyMs: cronMs, name: "cron", onError });
}

serveDriver(
  { endpoint: aws.endpoint, credentials: aws.credentials },
  { poll, duplicate: (batches: number) => invoker.duplicate(batches) },
);
