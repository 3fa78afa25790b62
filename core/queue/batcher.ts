import { queueBytes } from "../bound.ts";
import { maxBatchBytes, maxBatchMessages } from "./batches.ts";

export interface QueueMessage {
  /** JSON text, at most 1 MiB. */
  body: string;
  /** Messages with the same id keep their order. */
  groupId: string;
  /** SQS drops a second message with the same id within five minutes. */
  deduplicationId: string;
}

interface Waiting {
  message: QueueMessage;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Combines concurrent messages into batches, in order. One call is in progress at a time. The next call sends the
 * messages that have arrived meanwhile. A single message is sent at once, so a Lambda, which serves one request at a
 * time, never waits. In other processes, batching saves calls.
 */
export class Batcher {
  readonly #sendBatch: (messages: QueueMessage[]) => Promise<number[]>;
  #waiting: Waiting[] = [];
  #calling = false;

  /** `sendBatch` returns the indexes of refused messages. */
  constructor(sendBatch: (messages: QueueMessage[]) => Promise<number[]>) {
    this.#sendBatch = sendBatch;
  }

  /** Resolves when the queue has accepted the message. */
  send(message: QueueMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ message, resolve, reject });
    void this.#next();
    return promise;
  }

  async #next(): Promise<void> {
    if (this.#calling || this.#waiting.length === 0) return;
    const batch = this.#take();
    this.#calling = true;
    try {
      const refused = new Set(await this.#sendBatch(batch.map((waiting) => waiting.message)));
      for (const [index, waiting] of batch.entries()) {
        if (refused.has(index)) waiting.reject(new Error("the queue refused the message"));
        else waiting.resolve();
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      this.#calling = false;
      void this.#next();
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { message } of this.#waiting.slice(0, maxBatchMessages)) {
      bytes += queueBytes(message.body);
      if (count > 0 && bytes > maxBatchBytes) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
