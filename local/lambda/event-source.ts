import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "@aws-sdk/client-sqs";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Sqs } from "../../core/queue/service.ts";
import { labelled } from "../../core/work.ts";
import { lambdaContext, TimeoutError, withinTime } from "./context.ts";
import { failedRecords, groupOf, recordOf } from "./event-source-batch.ts";

// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return value returns void.
export type SqsHandler = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse | void>;

export type EventSourceOptions = {
  /** Selects how to make the next call, see `sqsFor`. */
  sqs: () => Sqs;
  queueUrl: string;
  handler: SqsHandler;
  /** Messages per invocation, 1 to 10. */
  batchSize: number;
  /** The number of concurrent pollers. */
  concurrency: number;
  /**
   * The number of concurrent invocations, at least `concurrency`. A poller continues with the next batch when its
   * invocation takes longer than `patienceMs`. Default: `concurrency`, and pollers wait for their invocations.
   */
  invocations?: number;
  /** Default 500 ms. */
  patienceMs?: number;
  /** Seconds that a received message stays invisible, at least the timeout of an invocation. Default: the queue's setting. */
  visibilityTimeout?: number;
  /** Timeout of an invocation. Default 30 s. */
  timeoutMs?: number;
  functionName?: string;
  /**
   * Seconds until a failed message is delivered again, by its receive count. Default: 1, 2, 4, … seconds, at most the
   * visibility timeout. On AWS, a failed message waits for its whole visibility timeout.
   */
  retryDelay?: (receiveCount: number) => number;
  /** Called with failed invocations and failed calls to SQS. Default: console.error. */
  onError?: (error: unknown) => void;
};

export type EventSource = {
  /** Stops receiving and waits for the current invocations. */
  stop(): Promise<void>;
};

const longPollSeconds = 20;
/** The shortest pause before messages come again whose group is still being handled by an earlier invocation. */
const busySeconds = 1;
const minErrorPauseMs = 250;
const maxErrorPauseMs = 20_000;

/**
 * Feeds an SQS queue to a Lambda handler, like an event source mapping with ReportBatchItemFailures. Handles the messages of
 * a FIFO group in order and never concurrently; after a failure, that message and the later ones are delivered again.
 * Throws, like AWS, if the queue does not exist or its visibility timeout is shorter than an invocation.
 */
export async function startEventSource(options: EventSourceOptions): Promise<EventSource> {
  const { sqs, queueUrl, batchSize, concurrency, timeoutMs = 30_000 } = options;
  if (!(batchSize >= 1 && batchSize <= 10)) throw new Error(`batchSize must be 1 to 10, not ${batchSize}.`);
  const queue = await describe(sqs(), queueUrl);
  const visibilityTimeout = options.visibilityTimeout ?? queue.visibilityTimeout;
  if (visibilityTimeout * 1000 < timeoutMs) {
    throw new Error(
      `Queue visibility timeout: ${visibilityTimeout} seconds is less than Function timeout: ${timeoutMs / 1000} seconds`,
    );
  }
  const poller = new Poller(queue, {
    functionName: "handler",
    invocations: concurrency,
    patienceMs: 500,
    retryDelay: (count) => 2 ** (count - 1),
    onError: (error) => console.error(error),
    ...options,
    timeoutMs,
    visibilityTimeout,
  });
  const loops = Array.from({ length: concurrency }, () => poller.run());
  return {
    stop: async () => {
      poller.stop();
      await Promise.all(loops);
      await poller.idle();
    },
  };
}

type Queue = Awaited<ReturnType<typeof describe>>;

class Poller {
  readonly #queue: Queue;
  readonly #options: Required<EventSourceOptions>;
  readonly #stopping = new AbortController();
  /** FIFO groups whose handler is still running beyond its timeout. */
  readonly #busyGroups = new Set<string>();
  readonly #invocations = new Set<Promise<void>>();
  /** Resolves when the latest poller that wants to receive has done so. */
  #receiving: Promise<void> = Promise.resolve();

  constructor(queue: Queue, options: Required<EventSourceOptions>) {
    this.#queue = queue;
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Receives and handles messages until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = minErrorPauseMs;
    while (!signal.aborted) {
      try {
        const messages = await this.#receive();
        if (messages.length > 0) await this.#start(this.#handleBatch(messages));
        pauseMs = minErrorPauseMs;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError(error);
        // Rejects only if `stop` is called.
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, maxErrorPauseMs);
      }
    }
  }

  /** Waits for the invocations that pollers no longer wait for. */
  async idle(): Promise<void> {
    await Promise.all(this.#invocations);
  }

  /** Waits for an invocation up to `patienceMs`, and longer while there are too many. Throws what it throws until then. */
  async #start(invocation: Promise<void>): Promise<void> {
    const { invocations, concurrency, patienceMs, onError } = this.#options;
    if (invocations <= concurrency) return await invocation;
    const settled: Promise<void> = Promise.allSettled([invocation]).then(() => {
      this.#invocations.delete(settled);
    });
    this.#invocations.add(settled);
    const pending = "pending" as const;
    const first = await Promise.race([invocation, sleep(patienceMs, pending, { ref: false })]);
    if (first === pending) invocation.catch(onError);
    // Keep a place for the next batch of each poller.
    while (this.#invocations.size > invocations - concurrency) await Promise.race(this.#invocations);
  }

  /**
   * Receives the next batch. One poller at a time waits for messages, because each message wakes all that wait. The next
   * one begins before the batch is handled.
   */
  async #receive(): Promise<Message[]> {
    const previous = this.#receiving;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#receiving = promise;
    await previous;
    try {
      return await this.#receiveNow();
    } finally {
      resolve();
    }
  }

  async #receiveNow(): Promise<Message[]> {
    const { sqs, queueUrl, batchSize, visibilityTimeout } = this.#options;
    const input = {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: batchSize,
      WaitTimeSeconds: longPollSeconds,
      VisibilityTimeout: visibilityTimeout,
      MessageSystemAttributeNames: ["All" as const],
      MessageAttributeNames: ["All"],
    };
    return (await sqs().receiveMessage(input, this.#stopping.signal)).Messages ?? [];
  }

  async #handleBatch(messages: Message[]): Promise<void> {
    const all = messages.map((message) => recordOf(message, this.#queue.arn, this.#queue.region));
    // An earlier invocation that exceeded its timeout may still work on a group. The messages of that group come again soon.
    const isBusy = (record: SQSRecord) => this.#busyGroups.has(groupOf(record) ?? "");
    const records = all.filter((record) => !isBusy(record));
    await this.#return(all.filter(isBusy), busySeconds);
    if (records.length === 0) return;
    const failed = new Set(await this.#invoke(records));
    await this.#delete(records.filter((record) => !failed.has(record)));
    await this.#return([...failed]);
  }

  /** Returns the records that failed. */
  async #invoke(records: SQSRecord[]): Promise<SQSRecord[]> {
    const { handler, functionName, timeoutMs, onError } = this.#options;
    const groups = new Set(records.map(groupOf).filter((group) => group !== undefined));
    const context = lambdaContext(functionName, timeoutMs, this.#queue.region);
    const work = labelled(`function ${functionName}`, async () => handler({ Records: records }, context));
    const release = () => {
      for (const group of groups) this.#busyGroups.delete(group);
    };
    try {
      return failedRecords(records, await withinTime(work, timeoutMs));
    } catch (error) {
      if (error instanceof TimeoutError) for (const group of groups) this.#busyGroups.add(group);
      work.then(release, release);
      onError(error);
      return records;
    }
  }

  async #delete(records: SQSRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { sqs, queueUrl, onError } = this.#options;
    const Entries = records.map((record, i) => ({ Id: String(i), ReceiptHandle: record.receiptHandle }));
    const { Failed } = await sqs().deleteMessageBatch({ QueueUrl: queueUrl, Entries });
    if (Failed?.length) onError(new Error(`SQS did not delete ${Failed.length} messages: ${JSON.stringify(Failed)}`));
  }

  async #return(records: SQSRecord[], minSeconds = 0): Promise<void> {
    if (records.length === 0) return;
    // All messages get the longest delay. Later messages of a group have a lower receive count, but must not become
    // visible first.
    const VisibilityTimeout = Math.max(minSeconds, ...records.map((record) => this.#retryDelay(record)));
    const Entries = records.map(({ receiptHandle }, i) => ({
      Id: String(i),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout,
    }));
    await this.#options.sqs().changeMessageVisibilityBatch({ QueueUrl: this.#options.queueUrl, Entries });
  }

  #retryDelay(record: SQSRecord): number {
    const seconds = this.#options.retryDelay(Number(record.attributes.ApproximateReceiveCount));
    return Math.ceil(Math.min(Math.max(0, seconds), this.#options.visibilityTimeout));
  }
}

async function describe(sqs: Sqs, queueUrl: string) {
  const input = { QueueUrl: queueUrl, AttributeNames: ["QueueArn" as const, "VisibilityTimeout" as const] };
  const { Attributes } = await sqs.getQueueAttributes(input);
  const arn = Attributes?.QueueArn;
  if (!arn) throw new Error(`SQS returned no ARN for ${queueUrl}.`);
  return { arn, region: arn.split(":")[3] ?? "", visibilityTimeout: Number(Attributes.VisibilityTimeout) };
}
