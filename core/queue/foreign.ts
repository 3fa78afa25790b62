import { GetQueueUrlCommand, QueueDoesNotExist, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { type QueueMessage, queueable } from "./index.ts";

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
const hopeless = new Set(["InvalidParameterValue", "InvalidMessageContents"]);

export function openForeignQueues(client: SQSClient): ForeignQueues {
  const urls = new Map<string, Promise<string>>();
  const url = (queue: string, abortSignal?: AbortSignal): Promise<string> => {
    if (/^https?:/i.test(queue)) return Promise.resolve(queue);
    const known = urls.get(queue);
    if (known) return known;
    const asked = client
      .send(new GetQueueUrlCommand({ QueueName: queue }), abortSignal ? { abortSignal } : {})
      .then((answer) => answer.QueueUrl ?? "");
    asked.catch(() => urls.delete(queue));
    urls.set(queue, asked);
    return asked;
  };
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
      const Entries = messages.map((message, index) => ({
        Id: String(index),
        MessageBody: queueable(message.body),
        MessageGroupId: message.groupId,
        MessageDeduplicationId: message.deduplicationId,
      }));
      const command = new SendMessageBatchCommand({ QueueUrl: await url(queue, abortSignal), Entries });
      const { Failed = [] } = await client.send(command, { abortSignal });
      return Failed.map(({ Id, Code = "", Message = "the queue refused the message" }) => ({
        index: Number(Id),
        forEver: hopeless.has(Code),
        reason: Code ? `${Code}: ${Message}` : Message,
      })).sort((a, b) => a.index - b.index);
    },
  };
}
