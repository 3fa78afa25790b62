import type { QueueWithDead } from "./fifo-queue.ts";
import { key } from "./key.ts";
import { prefix } from "./stage.ts";
import { bucket } from "./storage.ts";

const account = aws.getCallerIdentityOutput().accountId;
const region = aws.getRegionOutput().region;
const partition = aws.getPartitionOutput().partition;

/** A statement of an IAM role: actions without wildcards, and the resources that they apply to. */
type Statement = sst.aws.FunctionPermissionArgs;

const arns = (queues: readonly QueueWithDead[]) => queues.map(({ queue }) => queue.arn);

export const send = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: arns(queues),
});

/** Sends replies and events to queues of integrators, which IAM allows by their names. */
export const sendOut = (...kinds: ("reply" | "events")[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: kinds.map((kind) => $interpolate`arn:${partition}:sqs:${region}:${account}:${prefix}-${kind}-*`),
});

/** Reads the depth of queues and of their dead-letter queues. */
export const measure = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"],
  resources: [...arns(queues), ...queues.map(({ dead }) => dead.arn)],
});

export const receive = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
  resources: arns(queues),
});

/** The permissions that Lambda's event source mapping needs. */
export const consume = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
  resources: arns(queues),
});

/** Finds a queue by its name, to hide or delete messages before the event source mapping does. */
export const findQueue = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl"],
  resources: arns(queues),
});

/** Uses the KMS key: for data keys, and for the queues and objects that AWS encrypts with it. */
export const useKey: Statement = {
  actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
  resources: [key.arn],
};

/** Access to the objects under some prefixes. Presigned URLs of this role also need this access. */
export const objects = (
  actions: ("s3:GetObject" | "s3:PutObject" | "s3:DeleteObject" | "s3:AbortMultipartUpload")[],
  prefixes: string[],
): Statement => ({
  actions,
  resources: prefixes.map((prefix) => $interpolate`${bucket.arn}/${prefix}/*`),
});

/** Lets S3 respond with 404 for a missing object. Without this permission, S3 responds with 403. */
export const listObjects: Statement = { actions: ["s3:ListBucket"], resources: [bucket.arn] };

export const media = "media";
export const upload = "upload";
export const exported = "export";
