import { ingressTimeoutSeconds, webhookTimeoutSeconds } from "../../core/queue/name.ts";
import { functionEnvironment } from "../base/environment.ts";
import {
  consume,
  exported,
  findQueue,
  listObjects,
  media,
  objects,
  send,
  sendOut,
  upload,
  useKey,
} from "../base/permission.ts";
import { commands, events, ingress } from "../base/queues.ts";
import { api } from "./api.ts";
import { functionArgs } from "./function.ts";
import { migration } from "./migration.ts";

const afterMigration = { dependsOn: [migration] };

export const webhookFunction = new sst.aws.Function(
  "WebhookFunction",
  functionArgs({
    handler: "functions/webhook/index.handler",
    description: "Signs events and sends them to webhooks",
    memory: "512 MB",
    timeout: `${webhookTimeoutSeconds} seconds`,
    // A `PUBLIC_URL` of your own, such as a custom domain, takes precedence.
    environment: { PUBLIC_URL: api.url, ...functionEnvironment },
    permissions: [
      consume([events]),
      findQueue([events]),
      sendOut("events"),
      objects(["s3:GetObject"], [media]),
      useKey,
    ],
  }),
  afterMigration,
);
events.queue.subscribe(webhookFunction.arn, { batch: { size: 10, partialResponses: true } });

export const ingressFunction = new sst.aws.Function(
  "IngressFunction",
  functionArgs({
    handler: "functions/ingress/index.handler",
    description: "Accepts commands from the ingress queue",
    memory: "512 MB",
    timeout: `${ingressTimeoutSeconds} seconds`,
    permissions: [
      consume([ingress]),
      findQueue([ingress]),
      send(commands),
      sendOut("reply"),
      objects(["s3:GetObject"], [media, upload]),
      listObjects,
      useKey,
    ],
  }),
  afterMigration,
);
ingress.queue.subscribe(ingressFunction.arn, { batch: { size: 10, partialResponses: true } });

export const cronFunction = new sst.aws.Function(
  "CronFunction",
  functionArgs({
    handler: "functions/cron/index.handler",
    description: "Retries failed deliveries, queues commands that are not in a queue, and deletes expired data",
    memory: "512 MB",
    // Longer than the longest time limit of an attempt, 60 seconds. Overlapping runs share the work.
    timeout: "90 seconds",
    environment: { PUBLIC_URL: api.url, ...functionEnvironment },
    permissions: [
      send(commands),
      sendOut("reply", "events"),
      objects(["s3:GetObject"], [media]),
      objects(["s3:DeleteObject"], [media, upload]),
      objects(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], [exported]),
      listObjects,
      useKey,
    ],
  }),
  afterMigration,
);
// No retries, because the next run does the work.
new sst.aws.CronV2("Cron", { schedule: "rate(1 minute)", function: cronFunction.arn, retries: 0 });
