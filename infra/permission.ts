import { key } from "./key.ts";
import type { QueueWithDead } from "./queue/fifo-queue.ts";
import { prefix } from "./stage.ts";
import { bucket } from "./storage.ts";

const account = aws.getCallerIdentityOutput().accountId;
const region = aws.getRegionOutput().region;
const partition = aws.getPartitionOutput().partition;

/** Statements that roles are made of; each names its actions and the resources that they are for, without a wildcard action. */
type Statement = sst.aws.FunctionPermissionArgs;

const arns = (queues: readonly QueueWithDead[]) => queues.map(({ queue }) => queue.arn);

export const send = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: arns(queues),
});

/** Queues of those who ask over SQS, by the names that the configuration allows: replies to them, and their events. */
export const sendOut = (...kinds: ("reply" | "events")[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: kinds.map((kind) => $interpolate`arn:${partition}:sqs:${region}:${account}:${prefix}-${kind}-*`),
});

/** How deep queues are, the dead-letter queues too. */
export const measure = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"],
  resources: [...arns(queues), ...queues.map(({ dead }) => dead.arn)],
});

export const receive = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
  resources: arns(queues),
});

/** What Lambda does in a function's name when a queue starts it. */
export const consume = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
  resources: arns(queues),
});

/** The data keys, and what AWS encrypts with the same key: queues and objects. */
export const useKey: Statement = {
  actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
  resources: [key.arn],
};

/** Objects under these prefixes. Reading includes the links that are signed in this role's name. */
export const objects = (
  actions: ("s3:GetObject" | "s3:PutObject" | "s3:DeleteObject")[],
  prefixes: string[],
): Statement => ({
  actions,
  resources: prefixes.map((prefix) => $interpolate`${bucket.arn}/${prefix}/*`),
});

/** A missing object is "not found" only for who may list; for others it is "forbidden". */
export const listObjects: Statement = { actions: ["s3:ListBucket"], resources: [bucket.arn] };

export const media = "media";
export const upload = "upload";
