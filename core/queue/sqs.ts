import { GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueMessage } from "./batcher.ts";

/** Returns a function that looks up the URL of a queue by its full name, and caches the URL. */
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

/** Returns the entries of a `SendMessageBatch`. The id of each entry is its index. */
export const batchEntries = (messages: readonly QueueMessage[]) =>
  messages.map((message, index) => ({
    Id: String(index),
    MessageBody: escapeRefused(message.body),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
  }));

/** Escapes U+FFFE and U+FFFF in JSON text. SQS refuses these characters, but WhatsApp users can send them. */
function escapeRefused(json: string): string {
  return json.replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
}
