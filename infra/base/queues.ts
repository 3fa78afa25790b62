import {
  commandQueue,
  commandVisibilitySeconds,
  eventQueue,
  eventVisibilitySeconds,
  ingressQueue,
  ingressVisibilitySeconds,
} from "../../core/queue/name.ts";
import { fifoQueue } from "./fifo-queue.ts";
import { sizes } from "./stage.ts";

/** One queue per shard. A host polls the queues of its shards. */
export const commands = Array.from({ length: sizes.shards }, (_, shard) =>
  fifoQueue(commandQueue(shard), `Command${shard}`, commandVisibilitySeconds),
);

/** Events for the webhook function. */
export const events = fifoQueue(eventQueue, "Event", eventVisibilitySeconds);

/** Commands from integrators that use SQS instead of REST. IAM policies control who can send to it. */
export const ingress = fifoQueue(ingressQueue, "Ingress", ingressVisibilitySeconds);
