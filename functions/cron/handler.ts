import type { Context } from "aws-lambda";
import { expireCommands, requeueCommands } from "../../core/command/sweep.ts";
import { prune } from "../../core/db/prune.ts";
import { feedDueSinks, type SinkDeps } from "../../core/event-sink/feed.ts";
import { sendStrayReplies } from "../../core/ingress/outbox.ts";
import { pruneUploads } from "../../core/media/prune.ts";
import { runExports } from "../../core/message/export/run.ts";
import { indexOldMessages } from "../../core/message/search/backfill.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { measure } from "../../core/metric/index.ts";
import { runErasures } from "../../core/privacy/erase.ts";
import { readPerson } from "../../core/privacy/read.ts";
import type { Queues } from "../../core/queue/index.ts";
import { deleteExpired, type RetentionDeps } from "../../core/retention/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { WebhookDeps } from "../../core/webhook/delivery/batch.ts";
import { fileLinks } from "../../core/webhook/delivery/file-link.ts";
import { retryDeliveries } from "../../core/webhook/delivery/retry-worker.ts";

/** Time reserved for recording results and returning. */
const marginMs = 3_000;
const pruneMs = 10_000;
/** An export also needs the time of a part after this time: about a second, at most ten. */
const exportMs = 20_000;
const eraseMs = 20_000;
/** Limit of events per instance, so that other instances are served too. */
const maxSinkEvents = 2_000;

type CronDeps = WebhookDeps & SinkDeps & Pick<RetentionDeps, "retention"> & { queues: Queues; storage: Storage };

/**
 * Creates a handler that runs all scheduled jobs. If a job fails, the others still finish. The run then fails, so that
 * Lambda counts an error. Deliveries are retried until the run ends. Overlapping runs share the work.
 */
export function createCronHandler(open: () => Promise<CronDeps>) {
  return async (_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> => {
    const deps = await open();
    const budgetMs = context.getRemainingTimeInMillis() - marginMs;
    const jobs = await Promise.allSettled([
      retryDeliveries(deps, { budgetMs }),
      feedDueSinks(deps, { budgetMs, maxEvents: maxSinkEvents }),
      requeueCommands(deps),
      expireCommands(deps),
      prune(deps, Math.min(pruneMs, budgetMs)),
      deleteExpired(deps, Math.min(pruneMs, budgetMs)),
      pruneUploads(deps),
      indexOldMessages(deps, Math.min(pruneMs, budgetMs)),
      runExports({ ...deps, linkToFile: fileLinks(deps), readPerson }, Math.min(exportMs, budgetMs)),
      runErasures(deps, Math.min(eraseMs, budgetMs)),
      sendStrayReplies(deps, budgetMs),
      readFleetGauges(deps.db).then(measure),
    ]);
    const failures = jobs.flatMap((job) => (job.status === "rejected" ? [job.reason] : []));
    for (const error of failures) deps.log.error({ err: error }, "a scheduled job failed");
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} scheduled jobs failed`);
  };
}
