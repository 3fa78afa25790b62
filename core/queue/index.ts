import {
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { type Config, endpointCredentials } from "../config.ts";
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

export function openQueues(config: Config): Queues {
  const client = new SQSClient({
    region: config.AWS_REGION,
    ...(config.SQS_ENDPOINT && { endpoint: config.SQS_ENDPOINT, credentials: endpointCredentials(config) }),
  });
  const fullUrl = queueUrls(client);
  const url = (name: string): Promise<string> => fullUrl(`${config.QUEUE_PREFIX}-${name}`);
  const sendBatch = async (name: string, messages: readonly QueueMessage[]): Promise<Refused[]> =>
    sendMessages(client, await url(name), messages);
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
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: await url(name),
          MaxNumberOfMessages: maxBatchMessages,
          WaitTimeSeconds: options.waitSeconds,
          MessageSystemAttributeNames: ["ApproximateReceiveCount", "MessageGroupId"],
          ...defined({ VisibilityTimeout: options.visibilitySeconds }),
        }),
        options.signal && { abortSignal: options.signal },
      );
      return Messages;
    },
    async remove(name, receiptHandles) {
      for (let start = 0; start < receiptHandles.length; start += maxBatchMessages) {
        const Entries = receiptHandles
          .slice(start, start + maxBatchMessages)
          .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl: await url(name), Entries }));
      }
    },
    async hide(name, receiptHandles, VisibilityTimeout, abortSignal) {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout,
      }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: await url(name), Entries });
      await client.send(command, abortSignal && { abortSignal });
    },
    async depth(name, signal) {
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: await url(name),
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        }),
        { abortSignal: signal },
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
