import { QueueDoesNotExist, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "./batcher.ts";
import { batchEntries, queueUrls } from "./sqs.ts";

/** Queues that others read: by their whole names, or by URL. */
export interface ForeignQueues {
  /** Whether there is such a queue. */
  exists(queue: string): Promise<boolean>;
  /**
   * Sends up to ten at once. Answers which were refused, in order. Throws when the queue cannot be reached before `signal` says
   * that it has had its time.
   */
  send(queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<Refused[]>;
}

export interface Refused {
  index: number;
  /** This queue will never take it: it is larger than its owner wants. */
  forEver: boolean;
  /** In SQS's words: `InvalidParameterValue: …`. */
  reason: string;
}

/** What SQS says of a message, and not of the queue or of us. */
const permanent = new Set(["InvalidParameterValue", "InvalidMessageContents"]);

export function openForeignQueues(client: SQSClient): ForeignQueues {
  const byName = queueUrls(client);
  const url = (queue: string, abortSignal?: AbortSignal) =>
    /^https?:/i.test(queue) ? Promise.resolve(queue) : byName(queue, abortSignal);
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
    async send(queue, messages, abortSignal) {
      const command = new SendMessageBatchCommand({
        QueueUrl: await url(queue, abortSignal),
        Entries: batchEntries(messages),
      });
      const { Failed = [] } = await client.send(command, { abortSignal });
      return Failed.map(({ Id, Code = "", Message = "the queue refused the message" }) => ({
        index: Number(Id),
        forEver: permanent.has(Code),
        reason: Code ? `${Code}: ${Message}` : Message,
      })).sort((a, b) => a.index - b.index);
    },
  };
}
