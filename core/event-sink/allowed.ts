import * as z from "zod";
import { type Caller, isAdmin } from "../caller.ts";
import type { Config } from "../config.ts";
import { AppError } from "../error.ts";

/**
 * The name of a FIFO queue in the deployment's AWS account, or the URL of a queue. SQS limits names to 80 characters.
 */
export const eventQueueText = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]+\.fifo$/, "must be the name or the URL of a FIFO queue");

type Names = Pick<Config, "QUEUE_PREFIX" | "EVENT_QUEUES">;

/**
 * Checks that the caller may set this event queue. Allowed are queues of this deployment whose names begin with
 * `<QUEUE_PREFIX>-events-`, and the URLs that the configuration lists, but never one of our own queues or another queue
 * that our role can reach. A user may set queues that have the user's id in their names. Admins may set any allowed
 * queue for anyone. The current value is always accepted.
 * Throws `invalid_request`, `url_not_allowed` and `forbidden`.
 */
export function assertEventQueue(config: Names, caller: Caller, queue: string, current: string | null): void {
  if (queue === current) return;
  const start = `${config.QUEUE_PREFIX}-events-`;
  if (/^https?:/i.test(queue)) {
    if (!config.EVENT_QUEUES.includes(queue)) {
      throw new AppError("url_not_allowed", "eventQueue: the URL must be listed in EVENT_QUEUES");
    }
  } else if (!queue.startsWith(start) || queue.length > 80 || !/^[A-Za-z0-9_-]+\.fifo$/.test(queue)) {
    throw new AppError("invalid_request", `eventQueue: must be the name of a queue, such as ${start}….fifo`);
  }
  if (isAdmin(caller) || nameOf(queue).includes(caller.userId)) return;
  throw new AppError(
    "forbidden",
    `eventQueue: the name must contain your user id (${caller.userId}); an admin can set another queue for you`,
  );
}

const nameOf = (queue: string) => queue.slice(queue.lastIndexOf("/") + 1);
