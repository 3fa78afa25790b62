import { GetQueueUrlCommand, QueueDoesNotExist, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { Config } from "../config.ts";
import { AppError } from "../error.ts";
import { type QueueMessage, type Queues, queueable } from "../queue/index.ts";
import { replyQueueName } from "./message.ts";

/** Queues that others read, by their whole names. */
export interface ReplyQueues {
  /** Whether there is such a queue. */
  exists(name: string): Promise<boolean>;
  /** Sends up to ten at once. Answers which were refused. Throws when the queue cannot be reached. */
  send(name: string, messages: readonly QueueMessage[]): Promise<Refused[]>;
}

export interface Refused {
  index: number;
  /** This queue will never take it: it is larger than its owner wants. */
  forEver: boolean;
}

/** What SQS says of a message, and not of the queue or of us. */
const hopeless = new Set(["InvalidParameterValue", "InvalidMessageContents"]);

export function openReplyQueues({ client }: Queues): ReplyQueues {
  const urls = new Map<string, Promise<string>>();
  const url = (name: string): Promise<string> => {
    const known = urls.get(name);
    if (known) return known;
    const asked = client.send(new GetQueueUrlCommand({ QueueName: name })).then((answer) => answer.QueueUrl ?? "");
    asked.catch(() => urls.delete(name));
    urls.set(name, asked);
    return asked;
  };
  return {
    async exists(name) {
      try {
        await url(name);
        return true;
      } catch (error) {
        if (error instanceof QueueDoesNotExist) return false;
        throw error;
      }
    },
    async send(name, messages) {
      const Entries = messages.map((message, index) => ({
        Id: String(index),
        MessageBody: queueable(message.body),
        MessageGroupId: message.groupId,
        MessageDeduplicationId: message.deduplicationId,
      }));
      const answer = await client.send(new SendMessageBatchCommand({ QueueUrl: await url(name), Entries }));
      return (answer.Failed ?? []).map(({ Id, Code }) => ({ index: Number(Id), forEver: hopeless.has(Code ?? "") }));
    },
  };
}

/**
 * The queue that a sender names, or null when it names none. Only what the configuration allows: never one of our own, nor
 * anybody else's. Throws `invalid_request`.
 */
export async function allowedReplyQueue(
  queues: ReplyQueues,
  config: Pick<Config, "QUEUE_PREFIX" | "REPLY_QUEUES">,
  name: unknown,
): Promise<string | null> {
  if (name === undefined) return null;
  const { data, error } = replyQueueName.safeParse(name);
  if (error) throw new AppError("invalid_request", `replyTo: ${error.issues[0]?.message}`);
  const allowed = config.REPLY_QUEUES
    ? config.REPLY_QUEUES.includes(data)
    : data.startsWith(`${config.QUEUE_PREFIX}-reply-`);
  if (!allowed) throw new AppError("invalid_request", "replyTo: this queue is not allowed for replies");
  if (!(await queues.exists(data))) throw new AppError("invalid_request", "replyTo: there is no such queue");
  return data;
}
