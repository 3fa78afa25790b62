import type { Config } from "../config.ts";
import { AppError } from "../error.ts";
import type { ForeignQueues } from "../queue/foreign.ts";
import { replyQueueName } from "./message.ts";

/**
 * Returns the queue that the sender named, or null if the sender named no queue. Allows only the queues in
 * `REPLY_QUEUES`, or by default those whose names begin with `<QUEUE_PREFIX>-reply-`, so that nobody writes to other
 * queues. Throws `invalid_request`.
 */
export async function allowedReplyQueue(
  queues: Pick<ForeignQueues, "exists">,
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
  if (!(await queues.exists(data))) throw new AppError("invalid_request", "replyTo: the queue does not exist");
  return data;
}
