import { GetQueueUrlCommand, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "../queue/index.ts";

/** The queues of those who have events sent to them. */
export interface SinkQueues {
  /** Sends up to ten at once, in order. Answers how many of the first ones were taken. Throws when none was, with SQS's reason. */
  send(queue: string, messages: readonly QueueMessage[]): Promise<number>;
}

/** For one call, in milliseconds: a queue that does not answer must not hold up who waits for the worker. */
const callTimeoutMs = 10_000;

export function openSinkQueues(client: SQSClient): SinkQueues {
  const urls = new Map<string, Promise<string>>();
  const url = (queue: string): Promise<string> => {
    if (/^https?:/i.test(queue)) return Promise.resolve(queue);
    const known = urls.get(queue);
    if (known) return known;
    const asked = client
      .send(new GetQueueUrlCommand({ QueueName: queue }), { abortSignal: AbortSignal.timeout(callTimeoutMs) })
      .then((answer) => answer.QueueUrl ?? "");
    asked.catch(() => urls.delete(queue));
    urls.set(queue, asked);
    return asked;
  };
  return {
    async send(queue, messages) {
      const Entries = messages.map((message, index) => ({
        Id: String(index),
        MessageBody: message.body,
        MessageGroupId: message.groupId,
        MessageDeduplicationId: message.deduplicationId,
      }));
      const command = new SendMessageBatchCommand({ QueueUrl: await url(queue), Entries });
      const { Failed = [] } = await client.send(command, { abortSignal: AbortSignal.timeout(callTimeoutMs) });
      const taken = Math.min(messages.length, ...Failed.map((failure) => Number(failure.Id)));
      if (taken > 0) return taken;
      const refusal = Failed.find((failure) => failure.Id === "0");
      throw Object.assign(new Error(refusal?.Message ?? "the queue refused the message"), { name: refusal?.Code });
    },
  };
}
