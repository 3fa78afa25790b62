import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { type Config, endpointCredentials } from "../config.ts";
import { Batcher, type QueueMessage } from "./batcher.ts";
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

/** SQS, by the names of our queues. */
export interface Queues {
  readonly client: SQSClient;
  url(name: string): Promise<string>;
  send(name: string, message: QueueMessage): Promise<void>;
  /** Sends up to ten at once, in order. Answers the indexes that were refused. */
  sendBatch(name: string, messages: readonly QueueMessage[]): Promise<number[]>;
  /** Waits up to `waitSeconds` (at most 20) for up to ten messages. */
  receive(
    name: string,
    options: { waitSeconds: number; visibilitySeconds?: number; signal?: AbortSignal },
  ): Promise<Message[]>;
  remove(name: string, receiptHandles: readonly string[]): Promise<void>;
  /** How many messages wait, and how many somebody works on: both about right, as SQS says. */
  depth(name: string, signal: AbortSignal): Promise<{ waiting: number; inFlight: number }>;
}

export type { QueueMessage } from "./batcher.ts";
export { commandQueue, deadLetterQueue, eventQueue, ingressQueue } from "./name.ts";

export function openQueues(config: Config): Queues {
  const client = new SQSClient({
    region: config.AWS_REGION,
    ...(config.SQS_ENDPOINT ? { endpoint: config.SQS_ENDPOINT, credentials: endpointCredentials(config) } : {}),
  });
  const urls = new Map<string, Promise<string>>();
  const url = (name: string): Promise<string> => {
    const known = urls.get(name);
    if (known) return known;
    const asked = client
      .send(new GetQueueUrlCommand({ QueueName: `${config.QUEUE_PREFIX}-${name}` }))
      .then((answer) => answer.QueueUrl ?? "");
    asked.catch(() => urls.delete(name));
    urls.set(name, asked);
    return asked;
  };
  const sendBatch = async (name: string, messages: readonly QueueMessage[]): Promise<number[]> => {
    const answer = await client.send(
      new SendMessageBatchCommand({
        QueueUrl: await url(name),
        Entries: messages.map((message, index) => ({
          Id: String(index),
          MessageBody: queueable(message.body),
          MessageGroupId: message.groupId,
          MessageDeduplicationId: message.deduplicationId,
        })),
      }),
    );
    return (answer.Failed ?? []).map((failure) => Number(failure.Id));
  };
  const batchers = new Map<string, Batcher>();
  const batcher = (name: string): Batcher => {
    const known = batchers.get(name) ?? new Batcher((messages) => sendBatch(name, messages));
    batchers.set(name, known);
    return known;
  };
  return {
    client,
    url,
    send: (name, message) => batcher(name).send(message),
    sendBatch,
    async receive(name, options) {
      const answer = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: await url(name),
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: options.waitSeconds,
          MessageSystemAttributeNames: ["ApproximateReceiveCount", "MessageGroupId"],
          ...(options.visibilitySeconds === undefined ? {} : { VisibilityTimeout: options.visibilitySeconds }),
        }),
        options.signal ? { abortSignal: options.signal } : {},
      );
      return answer.Messages ?? [];
    },
    async remove(name, receiptHandles) {
      for (let start = 0; start < receiptHandles.length; start += 10) {
        const Entries = receiptHandles
          .slice(start, start + 10)
          .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl: await url(name), Entries }));
      }
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

/** JSON text without the two characters that no queue takes, and that strangers can write: as escapes they mean the same. */
export function queueable(json: string): string {
  return json.replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
}

function visibilitySeconds(name: string): number {
  if (name === eventQueue) return eventVisibilitySeconds;
  return name === ingressQueue ? ingressVisibilitySeconds : commandVisibilitySeconds;
}

/**
 * Makes the queues where no infrastructure code does: on one machine. On AWS they are declared in `infra`.
 * A message that was received five times without being removed goes to the dead-letter queue.
 */
export async function createQueues(queues: Queues, config: Config): Promise<void> {
  const names = [eventQueue, ingressQueue, ...Array.from({ length: config.SHARDS }, (_, shard) => commandQueue(shard))];
  await Promise.all(
    names.map(async (name) => {
      const fifo = { FifoQueue: "true", MessageRetentionPeriod: "1209600" };
      const dead = await queues.client.send(
        new CreateQueueCommand({ QueueName: `${config.QUEUE_PREFIX}-${deadLetterQueue(name)}`, Attributes: fifo }),
      );
      const { Attributes } = await queues.client.send(
        new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ["QueueArn"] }),
      );
      await queues.client.send(
        new CreateQueueCommand({
          QueueName: `${config.QUEUE_PREFIX}-${name}`,
          Attributes: {
            ...fifo,
            VisibilityTimeout: String(visibilitySeconds(name)),
            RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: maxReceives }),
          },
        }),
      );
    }),
  );
}
