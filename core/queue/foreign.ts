import { QueueDoesNotExist, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "./batcher.ts";
import { sqsOverHttp } from "./service.ts";
import { queueUrls, type Refused, sendMessages } from "./sqs.ts";

/** Queues of other systems, by full name or by URL. */
export interface ForeignQueues {
  exists(queue: string): Promise<boolean>;
  /**
   * Sends up to ten messages at once. Returns the refused ones, in order. Throws if the call fails or `signal` aborts.
   */
  send(queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<Refused[]>;
}

export function openForeignQueues(client: SQSClient): ForeignQueues {
  const sqs = sqsOverHttp(client);
  const byName = queueUrls(() => sqs);
  const url = (queue: string, signal?: AbortSignal) =>
    /^https?:/i.test(queue) ? Promise.resolve(queue) : byName(queue, signal);
  return {
    async exists(queue) {
      try {
        await url(queue);
        return true;
      } catch (error) {
        if (error instanceof QueueDoesNotExist) return false;
        throw error;
      }
    },
    async send(queue, messages, signal) {
      return await sendMessages(sqs, await url(queue, signal), messages, signal);
    },
  };
}
