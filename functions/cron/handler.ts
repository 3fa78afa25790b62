import type { Context } from "aws-lambda";
import { expireCommands, requeueCommands } from "../../core/command/sweep.ts";
import { prune } from "../../core/db/prune.ts";
import { feedLagging, type SinkDeps } from "../../core/event-sink/feed.ts";
import { sendStrayReplies } from "../../core/ingress/outbox.ts";
import { pruneUploads } from "../../core/media/prune.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { measure } from "../../core/metric/index.ts";
import type { Queues } from "../../core/queue/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { WebhookDeps } from "../../core/webhook/delivery/batch.ts";
import { wakeDeliveries } from "../../core/webhook/delivery/retry-worker.ts";

/** Kept to write down what happened, and to answer. */
const marginMs = 3_000;
const pruneMs = 10_000;
/** Of one instance, before others have their turn. */
const maxSinkEvents = 2_000;

/**
 * Does what is due. One job that fails does not keep the others from their work; the run as a whole then fails, so that
 * it is counted. What waits for an endpoint is worked off as long as the run may take; runs that overlap share the work.
 */
export function createCronHandler(open: () => Promise<WebhookDeps & SinkDeps & { queues: Queues; storage: Storage }>) {
  return async (_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> => {
    const parts = await open();
    const budgetMs = context.getRemainingTimeInMillis() - marginMs;
    const jobs = await Promise.allSettled([
      wakeDeliveries(parts, { budgetMs }),
      feedLagging(parts, { budgetMs, maxEvents: maxSinkEvents }),
      requeueCommands(parts),
      expireCommands(parts),
      prune(parts, Math.min(pruneMs, budgetMs)),
      pruneUploads(parts),
      sendStrayReplies(parts, budgetMs),
      readFleetGauges(parts.db).then(measure),
    ]);
    const failures = jobs.flatMap((job) => (job.status === "rejected" ? [job.reason] : []));
    for (const error of failures) parts.log.error({ err: error }, "a scheduled job failed");
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} scheduled jobs failed`);
  };
}
