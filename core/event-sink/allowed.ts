import * as z from "zod";
import { type Caller, isAdmin } from "../caller.ts";
import type { Config } from "../config.ts";
import { AppError } from "../error.ts";

/** The name of a FIFO queue in the deployment's AWS account, or the URL of a FIFO queue. */
export const eventQueueText = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]+\.fifo$/, "must be the name or the URL of a FIFO queue");

type QueueSettings = Pick<Config, "QUEUE_PREFIX" | "EVENT_QUEUES">;

/**
 * Checks that the caller may set this event queue. Two kinds of queues are allowed: those whose names begin with
 * `<QUEUE_PREFIX>-events-`, and the URLs in `EVENT_QUEUES`. This excludes our own queues and other queues that our role
 * can reach. Users may set queues that have their user id in the name. Admins may set any allowed queue for anyone. The
 * current value is always accepted. Throws `invalid_request`, `url_not_allowed` and `forbidden`.
 */
export function assertEventQueue(config: QueueSettings, caller: Caller, queue: string, current: string | null): void {
  if (queue === current) return;
  const prefix = `${config.QUEUE_PREFIX}-events-`;
  if (/^https?:/i.test(queue)) {
    if (!config.EVENT_QUEUES.includes(queue)) {
      throw new AppError("url_not_allowed", "eventQueue: the URL must be listed in EVENT_QUEUES");
    }
  } else if (!queue.startsWith(prefix) || queue.length > maxNameLength || !/^[A-Za-z0-9_-]+\.fifo$/.test(queue)) {
    throw new AppError(
      "invalid_request",
      `eventQueue: must be a URL in EVENT_QUEUES, or a queue name that starts with ${prefix} and ends with .fifo`,
    );
  }
  if (isAdmin(caller) || nameOf(queue).includes(caller.userId)) return;
  throw new AppError(
    "forbidden",
    `eventQueue: the name must contain your user id (${caller.userId}); an admin can set another queue for you`,
  );
}

/** The longest queue name that SQS allows, in characters. */
const maxNameLength = 80;

const nameOf = (queue: string) => queue.slice(queue.lastIndexOf("/") + 1);
