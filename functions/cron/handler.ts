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
import { rollUpUsage } from "../../core/usage/roll-up.ts";
import type { WebhookDeps } from "../../core/webhook/delivery/batch.ts";
import { fileLinks } from "../../core/webhook/delivery/file-link.ts";
import { retryDeliveries } from "../../core/webhook/delivery/retry-worker.ts";
import { findDueJobs } from "./due-jobs.ts";

/** Time reserved for recording results and returning. */
const marginMs = 3_000;
const pruneMs = 10_000;
/** An export also needs the time of a part after this time: about a second, at most ten. */
const exportMs = 20_000;
const eraseMs = 20_000;
/** Limit of events per instance, so that other instances are served too. */
const maxSinkEvents = 2_000;

type CronDeps = WebhookDeps & SinkDeps & Pick<RetentionDeps, "retention"> & { queues: Queues; storage: Storage };

/** How often the jobs run whose work isn't urgent. On AWS, the function runs once a minute. Milliseconds. */
const unhurriedMs = 55_000;

/**
 * Creates a handler that runs the scheduled jobs that have work, which one statement finds out. If a job fails, the others
 * still finish. The run then fails, so that Lambda counts an error. Deliveries are retried until the run ends.
 * Overlapping runs share the work.
 */
export function createCronHandler(open: () => Promise<CronDeps>) {
  let lastUnhurried = Number.NEGATIVE_INFINITY;
  return async (_event: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> => {
    const deps = await open();
    const budgetMs = context.getRemainingTimeInMillis() - marginMs;
    const startedAt = deps.clock.now().getTime();
    const isUnhurried = Math.abs(startedAt - lastUnhurried) >= unhurriedMs;
    if (isUnhurried) lastUnhurried = startedAt;
    const due = await findDueJobs(deps);
    const jobs = await Promise.allSettled(
      [
        due.retries && retryDeliveries(deps, { budgetMs }),
        due.sinks && feedDueSinks(deps, { budgetMs, maxEvents: maxSinkEvents }),
        due.lost && requeueCommands(deps),
        due.expired && expireCommands(deps),
        isUnhurried && prune(deps, Math.min(pruneMs, budgetMs)),
        (isUnhurried || due.cleared) && deleteExpired(deps, Math.min(pruneMs, budgetMs)),
        isUnhurried && pruneUploads(deps),
        isUnhurried && rollUpUsage(deps, Math.min(pruneMs, budgetMs)),
        due.unindexed && indexOldMessages(deps, Math.min(pruneMs, budgetMs)),
        due.exports && runExports({ ...deps, linkToFile: fileLinks(deps), readPerson }, Math.min(exportMs, budgetMs)),
        due.erasures && runErasures(deps, Math.min(eraseMs, budgetMs)),
        due.stray && sendStrayReplies(deps, budgetMs),
        isUnhurried && readFleetGauges(deps.db).then(measure),
      ].filter((job) => job !== false),
    );
    const failures = jobs.flatMap((job) => (job.status === "rejected" ? [job.reason] : []));
    for (const error of failures) deps.log.error({ err: error }, "a scheduled job failed");
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} scheduled jobs failed`);
  };
}
