import type { QueueMessage } from "./batcher.ts";
import type { Sqs } from "./service.ts";

/** Returns a function that looks up the URL of a queue by its full name, and caches the URL. */
export function queueUrls(sqs: () => Sqs): (name: string, signal?: AbortSignal) => Promise<string> {
  const urls = new Map<string, Promise<string>>();
  return (name, signal) => {
    const known = urls.get(name);
    if (known) return known;
    const request = sqs()
      .getQueueUrl({ QueueName: name }, signal)
      .then((response) => response.QueueUrl ?? "");
    request.catch(() => urls.delete(name));
    urls.set(name, request);
    return request;
  };
}

/** A message that a queue did not accept. */
export interface Refused {
  index: number;
  /** The queue will never accept the message, because of its size or its characters. */
  permanent: boolean;
  /** As SQS reports it: `InvalidParameterValue: …`. */
  reason: string;
}

/**
 * Sends up to ten messages in one call. Returns the refused ones, in order. Throws if the call fails. If SQS rejects
 * the whole call because of one of its messages, sends the messages one by one, up to the first one that is refused for
 * another reason.
 */
export async function sendMessages(
  sqs: Sqs,
  queueUrl: string,
  messages: readonly QueueMessage[],
  signal?: AbortSignal,
): Promise<Refused[]> {
  try {
    const { Failed = [] } = await sqs.sendMessageBatch({ QueueUrl: queueUrl, Entries: batchEntries(messages) }, signal);
    return Failed.map(({ Id, Code = "", Message = "the queue refused the message" }) => ({
      index: Number(Id),
      permanent: isPermanent(Code, Message),
      reason: Code ? `${Code}: ${Message}` : Message,
    })).sort((a, b) => a.index - b.index);
  } catch (error) {
    if (!(error instanceof Error) || !isPermanent(error.name, error.message)) throw error;
    if (messages.length === 1) return [{ index: 0, permanent: true, reason: `${error.name}: ${error.message}` }];
    return await sendOneByOne(sqs, queueUrl, messages, signal);
  }
}

async function sendOneByOne(
  sqs: Sqs,
  queueUrl: string,
  messages: readonly QueueMessage[],
  signal?: AbortSignal,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (const [index, message] of messages.entries()) {
    const [one] = await sendMessages(sqs, queueUrl, [message], signal).catch((error: unknown): Refused[] => [
      { index, permanent: false, reason: String(error) },
    ]);
    if (!one) continue;
    refused.push({ ...one, index });
    if (one.permanent) continue;
    // A later message must not overtake this one.
    const rest = Array.from({ length: messages.length - index - 1 }, (_, more) => index + 1 + more);
    return [...refused, ...rest.map((later) => ({ index: later, permanent: false, reason: one.reason }))];
  }
  return refused;
}

/**
 * Whether an error of SQS concerns a message, and not the queue or our access to it. SQS reports a message that exceeds
 * the queue's limit as `InvalidParameterValue`, like many errors of the request.
 */
function isPermanent(code: string, message: string): boolean {
  if (code === "InvalidParameterValue") return /must be shorter than/i.test(message);
  return code === "BatchRequestTooLong" || code === "InvalidMessageContents";
}

/** Returns the entries of a `SendMessageBatch`. The id of each entry is its index. */
const batchEntries = (messages: readonly QueueMessage[]) =>
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
