import { QueueDoesNotExist, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "./batcher.ts";
import { batchEntries, queueUrls } from "./sqs.ts";

/** Queues of other systems, by full name or by URL. */
export interface ForeignQueues {
  exists(queue: string): Promise<boolean>;
  /**
   * Sends up to ten messages at once. Returns the refused ones, in order. Throws if the call fails or `signal` aborts.
   */
  send(queue: string, messages: readonly QueueMessage[], signal: AbortSignal): Promise<Refused[]>;
}

export interface Refused {
  index: number;
  /** The queue will never accept the message, for example because it exceeds the queue's size limit. */
  permanent: boolean;
  /** As SQS reports it: `InvalidParameterValue: …`. */
  reason: string;
}

/** Error codes that concern the message, and not the queue or our access to the queue. */
const permanentCodes = new Set(["InvalidParameterValue", "InvalidMessageContents"]);

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
        permanent: permanentCodes.has(Code),
        reason: Code ? `${Code}: ${Message}` : Message,
      })).sort((a, b) => a.index - b.index);
    },
  };
}
