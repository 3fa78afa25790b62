import type { Clock } from "../clock.ts";
import { type ClaimLease, type Claims, claimHasEnded, leaseHolds } from "../db/claim-lease.ts";
import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";
import type { Storage } from "../storage/index.ts";
import { openSends } from "./commands.ts";
import { removeExports } from "./exports.ts";
import { nextInstance } from "./instances.ts";
import { personOf } from "./person.ts";
import { steps } from "./steps.ts";

export interface EraseDeps {
  db: Database;
  storage: Pick<Storage, "removeMany">;
  claims: Claims;
  clock: Clock;
  log: Logger;
  /** Pause before everything is looked for once more, in milliseconds. */
  pauseMs?: number;
}

/**
 * Events may be under way to webhooks while their rows are erased, and hosts may be sending. Both end within minutes, and
 * what they wrote is erased after this time.
 */
const pauseMs = 10 * 60 * 1000;
const maxAttempts = 10;

interface Job {
  id: string;
  userId: string;
  person: string[];
  instanceId: string | null;
  step: number;
  cursor: string | null;
  pass: number;
  attempts: number;
}

/**
 * Works on open erasures in slices of 500 rows, for about `budgetMs`. Each slice is one transaction together with the
 * position after it, so a process that dies costs nothing. Several processes work on different erasures.
 */
export async function runErasures(deps: EraseDeps, budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  await deps.claims.hold(async (lease) => {
    do {
      const job = await claim(deps, lease);
      if (!job) return;
      await work(deps, lease, job, () => performance.now() < end && lease.held);
    } while (performance.now() < end && lease.held);
  });
}

async function claim({ db: { sql }, clock }: EraseDeps, lease: ClaimLease): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    update erasures set status = 'running', claimed_by = ${lease.id}
    where id = (
      select id from erasures
      where status in ('queued', 'running', 'waiting') and next_at <= ${clock.now()}
        and (claimed_by is null or ${claimHasEnded(sql, sql`claimed_by`)}) and ${leaseHolds(sql, lease)}
      order by next_at limit 1 for update skip locked)
    returning id, user_id as "userId", person, instance_id as "instanceId", step, cursor, pass, attempts`;
  return job;
}

async function work(deps: EraseDeps, lease: ClaimLease, job: Job, hasTime: () => boolean): Promise<void> {
  const { sql } = deps.db;
  try {
    let at: Job | null = job;
    do at = await advance(deps, lease, at);
    while (at && hasTime());
    await sql`update erasures set claimed_by = null where id = ${job.id} and claimed_by = ${lease.id}`;
  } catch (error) {
    deps.log.error({ err: error, erasureId: job.id }, "an erasure could not continue");
    const failed = job.attempts + 1 >= maxAttempts;
    const nextAt = new Date(deps.clock.now().getTime() + 60_000 * 2 ** Math.min(job.attempts, 6));
    await sql`
      update erasures set claimed_by = null, attempts = attempts + 1, next_at = ${nextAt},
        status = ${failed ? "failed" : "running"}, person = ${failed ? null : sql`person`}
      where id = ${job.id} and claimed_by = ${lease.id}`;
  }
}

/** Runs one slice. Returns the changed job, or null if this run does no more of it. */
async function advance(deps: EraseDeps, lease: ClaimLease, job: Job): Promise<Job | null> {
  const { sql } = deps.db;
  const instanceId = job.instanceId ?? (await nextInstance(deps.db, job));
  if (!instanceId) return await endPass(deps, lease, job);
  const step = steps[job.step];
  if (!step) return { ...job, instanceId: await nextInstance(deps.db, { ...job, instanceId }), step: 0, cursor: null };
  const known = personOf(job.person);
  const isLast = job.step === steps.length - 1;
  const next = await sql.begin(async (transaction) => {
    const {
      counts,
      cursor,
      found = [],
      underWay = false,
    } = await step({ sql: transaction, storage: deps.storage, instanceId, person: known }, job.cursor);
    const after = cursor === null && isLast ? await nextInstance(deps.db, { ...job, instanceId }) : instanceId;
    const person = [...new Set([...job.person, ...found])];
    const position = {
      person,
      // Another JID of the person needs another pass.
      pass: underWay || person.length > job.person.length ? 1 : job.pass,
      step: cursor !== null ? job.step : isLast ? 0 : job.step + 1,
      cursor,
      instanceId: after,
    };
    const { count } = await transaction`
      update erasures set instance_id = ${position.instanceId}, step = ${position.step}, cursor = ${cursor}, attempts = 0,
        person = ${position.person}, pass = ${position.pass},
        counts = (
          select coalesce(jsonb_object_agg(key, total), '{}') from (
            select key, sum(value::int8) as total from (
              select * from jsonb_each_text(counts) union all select * from jsonb_each_text(${JSON.stringify(counts)}::text::jsonb)
            ) every_count group by key) totals)
      where id = ${job.id} and claimed_by = ${lease.id}`;
    // Another process has the job.
    if (count === 0) throw new Error("the erasure was claimed by another process");
    return position;
  });
  if (next.instanceId === null) return await endPass(deps, lease, { ...job, ...next });
  return { ...job, ...next };
}

/**
 * After the first pass, waits for the second. After the second, forgets the person and records the end. If a send to the
 * person is open, it waits for another pass instead.
 */
async function endPass(deps: EraseDeps, lease: ClaimLease, job: Job): Promise<null> {
  const { sql } = deps.db;
  const now = deps.clock.now();
  const nextAt = new Date(now.getTime() + (deps.pauseMs ?? pauseMs));
  const isOver = sql`(${job.pass > 1} and not exists (${openSends(sql, job.userId, job.person)}))`;
  const done = await sql.begin(async (transaction) => {
    const [row] = await transaction<{ isDone: boolean; counts: Record<string, number> }[]>`
      update erasures e set status = case when is_over then 'done' else 'waiting' end, pass = 2, instance_id = null, step = 0,
        cursor = null, claimed_by = null, person = case when is_over then null else person end,
        next_at = case when is_over then next_at else ${nextAt} end, finished_at = case when is_over then ${now}::timestamptz end
      from (select ${isOver} as is_over) state
      where id = ${job.id} and claimed_by = ${lease.id} returning is_over as "isDone", counts`;
    if (!row) return undefined;
    await removeExports(transaction, job.userId, now);
    return row.isDone ? row.counts : undefined;
  });
  if (done) deps.log.info({ erasureId: job.id, userId: job.userId, counts: done }, "erased a person");
  return null;
}
