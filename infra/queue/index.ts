import {
  commandQueue,
  commandVisibilitySeconds,
  eventQueue,
  eventVisibilitySeconds,
  ingressQueue,
  ingressVisibilitySeconds,
} from "../../core/queue/name.ts";
import { sizes } from "../stage.ts";
import { fifoQueue } from "./fifo-queue.ts";

/** One for each shard: a host polls those whose shards it holds. */
export const commands = Array.from({ length: sizes.shards }, (_, shard) =>
  fifoQueue(commandQueue(shard), `Command${shard}`, commandVisibilitySeconds),
);

/** What happened, on its way to the webhook function. */
export const events = fifoQueue(eventQueue, "Event", eventVisibilitySeconds);

/** What others ask for, without REST. Whoever may send to it is a matter of their own IAM policies. */
export const ingress = fifoQueue(ingressQueue, "Ingress", ingressVisibilitySeconds);
