import * as z from "zod";
import { type Caller, isAdmin } from "../caller.ts";
import type { Config } from "../config.ts";
import { AppError } from "../error.ts";

/** The name of a FIFO queue of the deployment's account, or a queue's URL. SQS allows names of 80 characters. */
export const eventQueueText = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]+\.fifo$/, "must be the name or the URL of a FIFO queue");

type Names = Pick<Config, "QUEUE_PREFIX" | "EVENT_QUEUES">;

/**
 * Whether the caller may have events sent to this queue: a queue of this deployment whose name begins with
 * `<QUEUE_PREFIX>-events-`, or one whose URL the configuration lists; never one of our own, nor any other that our role could
 * reach. A queue is of the users whose ids are in its name. Admins may name any, also for others, and nobody has to
 * give again what is set already.
 * Throws `invalid_request`, `url_not_allowed` and `forbidden`.
 */
export function assertEventQueue(config: Names, caller: Caller, queue: string, current: string | null): void {
  if (queue === current) return;
  const start = `${config.QUEUE_PREFIX}-events-`;
  if (/^https?:/i.test(queue)) {
    if (!config.EVENT_QUEUES.includes(queue)) {
      throw new AppError("url_not_allowed", "eventQueue: only URLs that are listed in EVENT_QUEUES are allowed");
    }
  } else if (!queue.startsWith(start) || queue.length > 80 || !/^[A-Za-z0-9_-]+\.fifo$/.test(queue)) {
    throw new AppError("invalid_request", `eventQueue: must be the name of a queue like ${start}….fifo`);
  }
  if (isAdmin(caller) || nameOf(queue).includes(caller.userId)) return;
  throw new AppError(
    "forbidden",
    `eventQueue: a queue is yours when your id (${caller.userId}) is in its name; an admin may set another for you`,
  );
}

const nameOf = (queue: string) => queue.slice(queue.lastIndexOf("/") + 1);
