import { GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "./batcher.ts";

/** Returns a function that resolves the URL of a queue by its full name, and caches it. */
export function queueUrls(client: SQSClient): (name: string, abortSignal?: AbortSignal) => Promise<string> {
  const urls = new Map<string, Promise<string>>();
  return (name, abortSignal) => {
    const known = urls.get(name);
    if (known) return known;
    const request = client
      .send(new GetQueueUrlCommand({ QueueName: name }), abortSignal && { abortSignal })
      .then((response) => response.QueueUrl ?? "");
    request.catch(() => urls.delete(name));
    urls.set(name, request);
    return request;
  };
}

/** The entries of a `SendMessageBatch`. The id of each is its index. */
export const batchEntries = (messages: readonly QueueMessage[]) =>
  messages.map((message, index) => ({
    Id: String(index),
    MessageBody: queueable(message.body),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
  }));

/** Escapes the two characters that SQS refuses, and that other people can send, in JSON text. */
function queueable(json: string): string {
  return json.replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
}
