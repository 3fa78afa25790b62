import { setMaxListeners } from "node:events";
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { lambdaContext, withinTime } from "./context.ts";
import { failedOf, groupOf, recordOf } from "./event-source-batch.ts";

// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return value is one that answers void.
export type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse | void>;

export type EventSourceOptions = {
  /** Long polls take a connection each, of the 50 a client has: give it a client of its own. */
  sqs: SQSClient;
  queueUrl: string;
  handler: SqsHandler;
  /** Messages per invocation, 1 to 10. */
  batchSize: number;
  /** Invocations at the same time. Each keeps one long poll open while idle. */
  concurrency: number;
  /** Seconds a received message stays invisible. Default: the queue's. Not less than the time of an invocation. */
  visibilityTimeout?: number;
  /** Time of one invocation. Default 30 s. */
  timeoutMs?: number;
  functionName?: string;
  /**
   * Seconds until a failed message is delivered again, by how often it was received. Lambda lets it wait for its whole
   * visibility timeout; the default is 1, 2, 4, … seconds, at most that timeout.
   */
  retryDelay?: (receiveCount: number) => number;
  /** Told of failed invocations and of failed calls to SQS. Default: console.error. */
  onError?: (error: unknown) => void;
};

export type EventSource = {
  /** Receives nothing more and waits for the invocations under way. */
  stop(): Promise<void>;
};

const longPollSeconds = 20;
const maxErrorPauseMs = 20_000;

/**
 * Feeds an SQS queue to a Lambda handler as an event source mapping with ReportBatchItemFailures does. Messages of a
 * FIFO group are handled in order and never at the same time; when one fails, it and those after it come again.
 * Throws when the queue does not exist or its visibility timeout is shorter than an invocation, as AWS refuses it.
 */
export async function startEventSource(options: EventSourceOptions): Promise<EventSource> {
  const { sqs, queueUrl, handler, batchSize } = options;
  const timeoutMs = options.timeoutMs ?? 30_000;
  const functionName = options.functionName ?? "handler";
  const onError = options.onError ?? ((error) => console.error(error));
  if (!(batchSize >= 1 && batchSize <= 10)) throw new Error(`batchSize must be 1 to 10, not ${batchSize}.`);

  const queue = await describe(sqs, queueUrl);
  const visibilityTimeout = options.visibilityTimeout ?? queue.visibilityTimeout;
  if (visibilityTimeout * 1000 < timeoutMs) {
    throw new Error(
      `Queue visibility timeout: ${visibilityTimeout} seconds is less than Function timeout: ${timeoutMs / 1000} seconds`,
    );
  }
  const retryDelay = (record: SQSRecord) => {
    const count = Number(record.attributes.ApproximateReceiveCount);
    const seconds = options.retryDelay?.(count) ?? 2 ** (count - 1);
    return Math.ceil(Math.min(Math.max(0, seconds), visibilityTimeout));
  };

  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  /** FIFO groups whose handler still runs, which may be longer than its invocation was given. */
  const busyGroups = new Set<string>();
  const loops = Array.from({ length: options.concurrency }, () => pollUntilStopped());
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };

  async function pollUntilStopped(): Promise<void> {
    let pauseMs = 250;
    while (!stopping.signal.aborted) {
      try {
        await handleBatch(await receive());
        pauseMs = 250;
      } catch (error) {
        if (stopping.signal.aborted) return;
        onError(error);
        await pause(pauseMs, stopping.signal);
        pauseMs = Math.min(pauseMs * 2, maxErrorPauseMs);
      }
    }
  }

  async function receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: batchSize,
      WaitTimeSeconds: longPollSeconds,
      VisibilityTimeout: visibilityTimeout,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    });
    return (await sqs.send(command, { abortSignal: stopping.signal })).Messages ?? [];
  }

  async function handleBatch(messages: Message[]): Promise<void> {
    const all = messages.map((message) => recordOf(message, queue.arn, queue.region));
    // An earlier handler that overran its time may still be at work on a group. Its messages wait out their timeout.
    const records = all.filter((record) => !busyGroups.has(groupOf(record) ?? ""));
    if (records.length === 0) return;
    const failed = new Set(await invoke(records));
    await deleteAll(records.filter((record) => !failed.has(record)));
    await returnAll([...failed]);
  }

  async function invoke(records: SQSRecord[]): Promise<SQSRecord[]> {
    const groups = new Set(records.map(groupOf).filter((group) => group !== undefined));
    for (const group of groups) busyGroups.add(group);
    const context = lambdaContext(functionName, timeoutMs, queue.region);
    const work = (async () => handler({ Records: records }, context))();
    const release = () => {
      for (const group of groups) busyGroups.delete(group);
    };
    work.then(release, release);
    try {
      return failedOf(records, await withinTime(work, timeoutMs));
    } catch (error) {
      onError(error);
      return records;
    }
  }

  async function deleteAll(records: SQSRecord[]): Promise<void> {
    if (records.length === 0) return;
    const Entries = records.map((record, i) => ({ Id: String(i), ReceiptHandle: record.receiptHandle }));
    const { Failed } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    if (Failed?.length) onError(new Error(`SQS did not delete ${Failed.length} messages: ${JSON.stringify(Failed)}`));
  }

  async function returnAll(records: SQSRecord[]): Promise<void> {
    if (records.length === 0) return;
    // One delay for all: the later messages of a group count as received more seldom, but must not come first.
    const VisibilityTimeout = Math.max(...records.map(retryDelay));
    const Entries = records.map(({ receiptHandle }, i) => ({
      Id: String(i),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout,
    }));
    await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
}

async function describe(sqs: SQSClient, queueUrl: string) {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: ["QueueArn", "VisibilityTimeout"],
  });
  const { Attributes } = await sqs.send(command);
  const arn = Attributes?.QueueArn;
  if (!arn) throw new Error(`SQS told no ARN of ${queueUrl}.`);
  return { arn, region: arn.split(":")[3] ?? "", visibilityTimeout: Number(Attributes.VisibilityTimeout) };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
