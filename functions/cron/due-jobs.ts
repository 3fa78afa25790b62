import { setTimeout as after } from "node:timers/promises";
import { hasExpiredCommands, hasLostCommands } from "../../core/command/sweep.ts";
import { hasDueSinks, type SinkDeps } from "../../core/event-sink/feed.ts";
import { hasStrayReplies } from "../../core/ingress/outbox.ts";
import { hasDueExports } from "../../core/message/export/due.ts";
import { hasOldMessages } from "../../core/message/search/backfill.ts";
import { hasDueErasures } from "../../core/privacy/due.ts";
import { hasClearedChats } from "../../core/retention/index.ts";
import type { WebhookDeps } from "../../core/webhook/delivery/batch.ts";
import { hasDueRetries } from "../../core/webhook/delivery/due-retries.ts";

const jobs = ["retries", "sinks", "lost", "expired", "cleared", "unindexed", "exports", "erasures", "stray"] as const;
type DueJobs = Record<(typeof jobs)[number], boolean>;

/** How long to wait for the search, in milliseconds. */
const patienceMs = 3_000;

/**
 * Returns which jobs have work, so that a run without work takes one statement. If this can't be found out, all jobs run,
 * so that one table that can't be read stops only the jobs that need it.
 */
export async function findDueJobs(deps: WebhookDeps & SinkDeps): Promise<DueJobs> {
  const found = search(deps).catch((error: unknown) => {
    deps.log.warn({ err: error }, "the search for due jobs failed; all jobs run");
    return undefined;
  });
  const due = await Promise.race([found, after(patienceMs, undefined, { ref: false })]);
  return due ?? (Object.fromEntries(jobs.map((job) => [job, true])) as DueJobs);
}

async function search(deps: WebhookDeps & SinkDeps): Promise<DueJobs | undefined> {
  const [due] = await deps.db.sql<DueJobs[]>`
    select ${hasDueRetries(deps)} as retries, ${hasDueSinks(deps)} as sinks, ${hasLostCommands(deps)} as lost,
      ${hasExpiredCommands(deps)} as expired, ${hasClearedChats(deps)} as cleared, ${hasOldMessages(deps)} as unindexed,
      ${hasDueExports(deps)} as exports, ${hasDueErasures(deps)} as erasures, ${hasStrayReplies(deps)} as stray`;
  return due;
}
