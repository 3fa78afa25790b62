import { maxBatchBytes, maxBatchMessages } from "./batches.ts";

export interface QueueMessage {
  /** JSON text, at most 1 MiB. */
  body: string;
  /** Messages of one group keep their order. */
  groupId: string;
  /** The same within five minutes is dropped by SQS. */
  deduplicationId: string;
}

interface Waiting {
  message: QueueMessage;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Sends what is sent at the same time in one call, in the order in which it was sent: one call is under way at once, and what
 * comes meanwhile travels together in the next. One message alone does not wait. Where a process serves one request at a time, as a Lambda does, nothing changes; elsewhere a call costs more than its messages.
 */
export class Batcher {
  readonly #sendBatch: (messages: QueueMessage[]) => Promise<number[]>;
  #waiting: Waiting[] = [];
  #calling = false;

  /** `sendBatch` answers the indexes that were refused. */
  constructor(sendBatch: (messages: QueueMessage[]) => Promise<number[]>) {
    this.#sendBatch = sendBatch;
  }

  /** Resolves when the queue has the message. */
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
      bytes += Buffer.byteLength(message.body);
      if (count > 0 && bytes > maxBatchBytes) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
