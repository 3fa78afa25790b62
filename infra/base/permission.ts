import type { QueueWithDead } from "./fifo-queue.ts";
import { key } from "./key.ts";
import { prefix } from "./stage.ts";
import { bucket } from "./storage.ts";

const account = aws.getCallerIdentityOutput().accountId;
const region = aws.getRegionOutput().region;
const partition = aws.getPartitionOutput().partition;

/** A statement of a role. It lists its actions without wildcards, and their resources. */
type Statement = sst.aws.FunctionPermissionArgs;

const arns = (queues: readonly QueueWithDead[]) => queues.map(({ queue }) => queue.arn);

export const send = (queues: readonly QueueWithDead[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: arns(queues),
});

/** Sends to the queues of integrators: replies and events. The configuration allows queues by name. */
export const sendOut = (...kinds: ("reply" | "events")[]): Statement => ({
  actions: ["sqs:GetQueueUrl", "sqs:SendMessage"],
  resources: kinds.map((kind) => $interpolate`arn:${partition}:sqs:${region}:${account}:${prefix}-${kind}-*`),
});

/** Reads the depth of queues and their dead-letter queues. */
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

/** Uses the key for data keys and for everything that AWS encrypts with it: queues and objects. */
export const useKey: Statement = {
  actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
  resources: [key.arn],
};

/** Access to objects under prefixes. Reading includes presigned URLs of this role. */
export const objects = (
  actions: ("s3:GetObject" | "s3:PutObject" | "s3:DeleteObject")[],
  prefixes: string[],
): Statement => ({
  actions,
  resources: prefixes.map((prefix) => $interpolate`${bucket.arn}/${prefix}/*`),
});

/** Without this permission, S3 answers "forbidden" instead of "not found" for a missing object. */
export const listObjects: Statement = { actions: ["s3:ListBucket"], resources: [bucket.arn] };

export const media = "media";
export const upload = "upload";
