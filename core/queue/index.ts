import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  type MessageSystemAttributeName,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { Config } from "../config.ts";
import { defined } from "../object.ts";
import { Batcher, type QueueMessage } from "./batcher.ts";
import { maxBatchMessages } from "./batches.ts";
import {
  commandQueue,
  commandVisibilitySeconds,
  deadLetterQueue,
  eventQueue,
  eventVisibilitySeconds,
  ingressQueue,
  ingressVisibilitySeconds,
  maxReceives,
} from "./name.ts";
import { sqsClient, sqsFor } from "./service.ts";
import { queueUrls, type Refused, sendMessages } from "./sqs.ts";

/** SQS, by the short names of our queues. */
export interface Queues {
  readonly client: SQSClient;
  url(name: string): Promise<string>;
  send(name: string, message: QueueMessage): Promise<void>;
  /** Sends up to ten messages in order, see `sendMessages`. Returns the refused messages. */
  sendBatch(name: string, messages: readonly QueueMessage[]): Promise<Refused[]>;
  /** Waits up to `waitSeconds` (at most 20) and returns up to ten messages. */
  receive(
    name: string,
    options: { waitSeconds: number; visibilitySeconds?: number; signal?: AbortSignal },
  ): Promise<Message[]>;
  remove(name: string, receiptHandles: readonly string[]): Promise<void>;
  /** Hides up to ten received messages for this time from now. Ignores messages that were removed meanwhile. */
  hide(name: string, receiptHandles: readonly string[], seconds: number, signal?: AbortSignal): Promise<void>;
  /** Returns how many messages are waiting, and how many are being processed. SQS reports approximate numbers. */
  depth(name: string, signal: AbortSignal): Promise<{ waiting: number; inFlight: number }>;
}

export type { QueueMessage } from "./batcher.ts";
export { commandQueue, deadLetterQueue, eventQueue, ingressQueue } from "./name.ts";

/** Opens the queues of `SQS_ENDPOINT`, or of AWS without it. See `DIRECT_CALLS` for how they are called. */
export function openQueues(config: Config): Queues {
  const client = sqsClient(config);
  const sqs = sqsFor(config, client);
  const fullUrl = queueUrls(sqs);
  const url = (name: string): Promise<string> => fullUrl(`${config.QUEUE_PREFIX}-${name}`);
  const sendBatch = async (name: string, messages: readonly QueueMessage[]): Promise<Refused[]> => {
    const queueUrl = await url(name);
    return await sendMessages(sqs(), queueUrl, messages);
  };
  const batchers = new Map<string, Batcher>();
  const batcher = (name: string): Batcher => {
    const found =
      batchers.get(name) ??
      new Batcher(async (messages) => (await sendBatch(name, messages)).map(({ index }) => index));
    batchers.set(name, found);
    return found;
  };
  return {
    client,
    url,
    send: (name, message) => batcher(name).send(message),
    sendBatch,
    async receive(name, options) {
      const input = {
        QueueUrl: await url(name),
        MaxNumberOfMessages: maxBatchMessages,
        WaitTimeSeconds: options.waitSeconds,
        MessageSystemAttributeNames: ["ApproximateReceiveCount", "MessageGroupId"] as MessageSystemAttributeName[],
        ...defined({ VisibilityTimeout: options.visibilitySeconds }),
      };
      return (await sqs().receiveMessage(input, options.signal)).Messages ?? [];
    },
    async remove(name, receiptHandles) {
      for (let start = 0; start < receiptHandles.length; start += maxBatchMessages) {
        const Entries = receiptHandles
          .slice(start, start + maxBatchMessages)
          .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        const QueueUrl = await url(name);
        await sqs().deleteMessageBatch({ QueueUrl, Entries });
      }
    },
    async hide(name, receiptHandles, VisibilityTimeout, signal) {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout,
      }));
      const QueueUrl = await url(name);
      await sqs().changeMessageVisibilityBatch({ QueueUrl, Entries }, signal);
    },
    async depth(name, signal) {
      const QueueUrl = await url(name);
      const { Attributes } = await sqs().getQueueAttributes(
        {
          QueueUrl,
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        },
        signal,
      );
      return {
        waiting: Number(Attributes?.ApproximateNumberOfMessages ?? 0),
        inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0),
      };
    },
  };
}

function visibilitySeconds(name: string): number {
  if (name === eventQueue) return eventVisibilitySeconds;
  return name === ingressQueue ? ingressVisibilitySeconds : commandVisibilitySeconds;
}

/**
 * Creates the queues of a local run, and gives queues of earlier versions today's attributes. On AWS, `infra` declares
 * the queues. A message that was received `maxReceives` times without being removed moves to the dead-letter queue.
 */
export async function createQueues(queues: Queues, config: Config): Promise<void> {
  const names = [eventQueue, ingressQueue, ...Array.from({ length: config.SHARDS }, (_, shard) => commandQueue(shard))];
  const fifo = { FifoQueue: "true", MessageRetentionPeriod: "1209600" };
  await Promise.all(
    names.map(async (name) => {
      const dead = await queues.client.send(
        new CreateQueueCommand({ QueueName: `${config.QUEUE_PREFIX}-${deadLetterQueue(name)}`, Attributes: fifo }),
      );
      const { Attributes } = await queues.client.send(
        new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ["QueueArn"] }),
      );
      const redrive = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: maxReceives(name) };
      await ensureQueue(queues, config, name, fifo, {
        VisibilityTimeout: String(visibilitySeconds(name)),
        RedrivePolicy: JSON.stringify(redrive),
      });
    }),
  );
}

async function ensureQueue(
  { client, url }: Queues,
  { QUEUE_PREFIX }: Config,
  name: string,
  fixed: Record<string, string>,
  changeable: Record<string, string>,
): Promise<void> {
  try {
    await client.send(
      new CreateQueueCommand({ QueueName: `${QUEUE_PREFIX}-${name}`, Attributes: { ...fixed, ...changeable } }),
    );
  } catch (error) {
    // Services that stand in for SQS may use the name with the prefix of the older protocol.
    if (!(error instanceof Error && /\bQueueNameExists$/.test(error.name))) throw error;
    await client.send(new SetQueueAttributesCommand({ QueueUrl: await url(name), Attributes: changeable }));
  }
}
