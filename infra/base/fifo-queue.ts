import { deadLetterQueue, maxReceives } from "../../core/queue/name.ts";
import { key } from "./key.ts";
import { prefix } from "./stage.ts";

export interface QueueWithDead {
  /** The name without the prefix. */
  name: string;
  queue: sst.aws.Queue;
  dead: sst.aws.Queue;
}

/** Declares an encrypted high-throughput FIFO queue and its dead-letter queue. `core/queue` finds them by their names. */
export function fifoQueue(name: string, logicalName: string, visibilitySeconds: number): QueueWithDead {
  const declare = (queueName: string, suffix: string, args: Pick<sst.aws.QueueArgs, "dlq" | "visibilityTimeout">) =>
    new sst.aws.Queue(`${logicalName}${suffix}`, {
      ...args,
      fifo: true,
      transform: {
        queue: (queue) => {
          queue.name = `${prefix}-${queueName}`;
          queue.messageRetentionSeconds = retentionSeconds;
          queue.deduplicationScope = "messageGroup";
          queue.fifoThroughputLimit = "perMessageGroupId";
          queue.kmsMasterKeyId = key.arn;
          queue.kmsDataKeyReusePeriodSeconds = 3600;
        },
      },
    });
  const dead = declare(deadLetterQueue(name), "Dead", {});
  const queue = declare(name, "", {
    dlq: { queue: dead.arn, retry: maxReceives(name) },
    visibilityTimeout: `${visibilitySeconds} seconds`,
  });
  return { name, queue, dead };
}

/** 14 days, the maximum of SQS. */
const retentionSeconds = 1_209_600;
