import type postgres from "postgres";
import { pauseAfter } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import { type ClaimLease, type Claims, claimHasEnded, leaseHolds } from "../db/claim-lease.ts";
import type { Database } from "../db/index.ts";
import { errorText } from "../error-text.ts";
import { type ParkedEvent, reportParked } from "../event/park.ts";
import { isEnabled } from "../instance/enabled-user.ts";
import type { Logger } from "../log.ts";
import { count } from "../metric/index.ts";
import { batches } from "../queue/batches.ts";
import type { ForeignQueues } from "../queue/foreign.ts";
import type { QueueMessage } from "../queue/index.ts";
import { type LogRow, publicBody } from "./envelope.ts";

export interface SinkDeps {
  db: Database;
  vault: Vault;
  foreignQueues: ForeignQueues;
  clock: Clock;
  claims: Claims;
  log: Logger;
  /** Returns 0 to 1, for the jitter. */
  random?: () => number;
}

export interface FeedOptions {
  /** Time limit of this run, in milliseconds. */
  budgetMs: number;
  /** Limit of events per instance, rounded up to pages. The next run sends the rest. */
  maxEvents: number;
}

/** How long a claim lasts at most, in milliseconds. Each page renews it. It ends earlier if its lease ends. */
const claimMs = 30_000;
/** Time reserved at the end of a run for the call in progress, in milliseconds. */
const marginMs = 12_000;
/** Maximum number of events that one statement reads. */
const pageSize = 100;
/** Maximum number of sinks that are served at the same time. */
const maxParallel = 16;
/** Timeout of one call, in milliseconds. A queue that does not respond must not delay the others. */
const callTimeoutMs = 10_000;
/** The first pause after a failure, in milliseconds. It doubles with each further failure, up to an hour. */
const firstPauseMs = 5_000;

/** A sink that this worker has claimed under `lease`, until `until` at the latest. */
interface ClaimedSink {
  lease: ClaimLease;
  instanceId: string;
  queue: string;
  sentSeq: number;
  failures: number;
  until: Date;
}

/**
 * Sends the new events of these instances to their queues: instances in parallel, the events of one instance in order.
 * A failure delays only its own sink and is never thrown. Skips sinks that wait for a retry or that another worker has
 * claimed.
 */
export async function feedSinks(deps: SinkDeps, instanceIds: readonly string[], options: FeedOptions): Promise<void> {
  const run = startRun(options);
  try {
    await deps.claims.hold(async (lease) => {
      await inParallel(await claim(deps, lease, { instanceIds }), (sink) => serveSink(deps, sink, run));
    });
  } catch (error) {
    deps.log.error({ err: error, instances: instanceIds.length }, "can't send events to their queues");
  }
}

/**
 * Sends the unsent events of all sinks that are due, until the run ends: sinks that failed, and sinks that `feedSinks`
 * did not finish. Returns the number of events sent. Throws if sinks can't be claimed.
 */
export async function feedDueSinks(deps: SinkDeps, options: FeedOptions): Promise<{ sent: number }> {
  const run = startRun(options);
  await deps.claims.hold(async (lease) => {
    while (run.remainingMs() > marginMs && lease.held) {
      const due = await claim(deps, lease, { limit: maxParallel });
      if (due.length === 0) break;
      await inParallel(due, (sink) => serveSink(deps, sink, run));
    }
  });
  return { sent: run.sent };
}

/** Makes sinks due at once whose workers died or lost their leases. Claims also take such sinks. */
export async function freeSinks({ db, clock }: Pick<SinkDeps, "db" | "clock">): Promise<void> {
  const { sql } = db;
  await sql`
    update event_sinks s set next_at = ${clock.now().toISOString()}::timestamptz, claimed_by = null
    where ${claimHasEnded(sql, sql`s.claimed_by`)}`;
}

interface Run {
  sent: number;
  readonly maxEvents: number;
  remainingMs(): number;
}

function startRun({ budgetMs, maxEvents }: FeedOptions): Run {
  const end = performance.now() + budgetMs;
  return { sent: 0, maxEvents, remainingMs: () => end - performance.now() };
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lanes = Array.from({ length: Math.min(maxParallel, items.length) }, async () => {
    for (const item of waiting) await work(item);
  });
  await Promise.all(lanes);
}

/** A condition on a sink `s` of the instance `i`: it is due and has unsent events. */
const isDue = ({ db: { sql }, clock }: Pick<SinkDeps, "db" | "clock">) => sql`
  (s.next_at <= ${clock.now().toISOString()}::timestamptz or ${claimHasEnded(sql, sql`s.claimed_by`)})
  and s.sent_seq < i.event_seq and ${isEnabled(sql, sql`i.user_id`)}`;

/** An SQL condition: a run of `feedDueSinks` has something to do. */
export const hasDueSinks = (deps: Pick<SinkDeps, "db" | "clock">): postgres.PendingQuery<postgres.Row[]> => deps.db.sql`
  exists (select from event_sinks s join instances i on i.id = s.instance_id where ${isDue(deps)})`;

/** Claims due sinks that have unsent events. The sink that has waited longest is first. */
async function claim(
  deps: SinkDeps,
  lease: ClaimLease,
  which: { instanceIds: readonly string[] } | { limit: number },
): Promise<ClaimedSink[]> {
  const { sql } = deps.db;
  const now = deps.clock.now();
  const until = new Date(now.getTime() + claimMs);
  const [filter, limit] =
    "instanceIds" in which
      ? [sql`and s.instance_id = any(${which.instanceIds as string[]}::uuid[])`, null]
      : [sql``, which.limit];
  const rows = await sql<{ instance_id: string; queue: string; sent_seq: number; failures: number }[]>`
    update event_sinks set next_at = ${until.toISOString()}::timestamptz, claimed_by = ${lease.id}
    where instance_id = any(array(
      select s.instance_id from event_sinks s join instances i on i.id = s.instance_id
      where ${isDue(deps)} and ${leaseHolds(sql, lease)} ${filter}
      order by s.next_at limit ${limit} for update of s skip locked))
    returning instance_id, queue, sent_seq::float8 as sent_seq, failures`;
  return rows.map(({ instance_id: instanceId, queue, sent_seq: sentSeq, failures }) => ({
    lease,
    instanceId,
    queue,
    sentSeq,
    failures,
    until,
  }));
}

/** Sends page by page until the queue has everything, a call fails, or the run reaches a limit. Never throws. */
async function serveSink(deps: SinkDeps, sink: ClaimedSink, run: Run): Promise<void> {
  try {
    for (let sent = 0; ; ) {
      const rows = await readPage(deps, sink);
      const result = await sendPage(deps, sink, rows);
      count("EventsParked", result.parked.length);
      await reportParked({ sql: deps.db.sql, log: deps.log }, result.parked, "own_queue");
      sent += result.sent;
      run.sent += result.sent;
      count("EventsSentOut", result.sent);
      if (result.error) {
        await recordFailure(deps, sink, result);
        return;
      }
      const more = sent < run.maxEvents && run.remainingMs() > marginMs && sink.lease.held;
      if (!(await recordProgress(deps, sink, result.upTo, more))) return;
    }
  } catch (error) {
    deps.log.error({ err: error, instanceId: sink.instanceId }, "can't send events to an event queue");
  }
}

/** `head`: the sequence number of the instance's newest event. */
type Head = { head: number };

/**
 * Reads the next events in one snapshot. A transaction that assigns sequence numbers to an instance's events locks the
 * instance until the transaction commits. An event therefore becomes visible only after all earlier events. If the only row has no event, all events up to `head` were pruned.
 */
async function readPage({ db }: SinkDeps, sink: ClaimedSink): Promise<(Head & Partial<LogRow>)[]> {
  return await db.sql<(Head & Partial<LogRow>)[]>`
    select i.event_seq::float8 as head, i.metadata, e.* from instances i left join lateral (
      select id, instance_id, seq::float8 as seq, type, data, correlation_id, created_at from events
      where instance_id = i.id and seq > ${sink.sentSeq} order by seq limit ${pageSize}) e on true
    where i.id = ${sink.instanceId} order by e.seq`;
}

interface PageResult {
  /** The queue has all events up to this number. */
  upTo: number;
  sent: number;
  /** Events that the queue never accepts. They are skipped. */
  parked: ParkedEvent[];
  /** The thrown error, or the reason why SQS refused a message for now. */
  error?: unknown;
}

async function sendPage(
  deps: SinkDeps,
  sink: ClaimedSink,
  rows: readonly (Head & Partial<LogRow>)[],
): Promise<PageResult> {
  const events = rows.filter((row): row is Head & LogRow => row.id !== undefined && row.id !== null);
  if (events.length === 0) return { upTo: rows[0]?.head ?? sink.sentSeq, sent: 0, parked: [] };
  const result: PageResult = { upTo: sink.sentSeq, sent: 0, parked: [] };
  try {
    const entries = events.map((row) => toEntry(deps, row));
    for (const batch of batches(entries, ({ message }) => message?.body ?? null)) {
      const messages = batch.flatMap(({ message }) => message ?? []);
      const signal = AbortSignal.timeout(callTimeoutMs);
      const refused = messages.length > 0 ? await deps.foreignQueues.send(sink.queue, messages, signal) : [];
      const refusals = new Map(refused.map((one) => [messages[one.index]?.deduplicationId, one]));
      for (const { row, message } of batch) {
        const refusal = refusals.get(row.id);
        // Later events must not overtake an event that the queue refused for now.
        if (refusal && !refusal.permanent) return { ...result, error: refusal.reason };
        if (refusal) result.parked.push({ ...row, instanceId: row.instance_id, reason: refusal.reason });
        else if (message) result.sent++;
        result.upTo = row.seq;
      }
    }
    return result;
  } catch (error) {
    return { ...result, error };
  }
}

interface Entry {
  row: LogRow;
  /** Absent for an event that is skipped. */
  message?: QueueMessage;
}

function toEntry(deps: SinkDeps, row: LogRow): Entry {
  const body = publicBody(row, deps.vault, deps.clock.now());
  if (body !== null) return { row, message: { body, groupId: row.instance_id, deduplicationId: row.id } };
  // A later version wrote the event, before a rollback or during a deploy.
  deps.log.error({ eventId: row.id, type: row.type }, "skipped an event of an unknown type for an event queue");
  return { row };
}

/**
 * Records how far events were sent, and renews the claim if `more` pages may follow. Returns false if this worker must
 * stop: no page follows, its claim has expired and another worker has the sink, or the queue was changed.
 */
async function recordProgress(deps: SinkDeps, sink: ClaimedSink, upTo: number, more: boolean): Promise<boolean> {
  const now = deps.clock.now();
  const until = new Date(Math.max(now.getTime() + claimMs, sink.until.getTime() + 1));
  const [row] = await deps.db.sql<{ kept: boolean }[]>`
    update event_sinks s set sent_seq = ${upTo}, failures = 0, failing_since = null, error = null,
      next_at = case when ${more} and i.event_seq > ${upTo} then ${until.toISOString()}::timestamptz
        else ${now.toISOString()}::timestamptz end,
      claimed_by = case when ${more} and i.event_seq > ${upTo} then s.claimed_by end
    from instances i
    where i.id = s.instance_id and s.instance_id = ${sink.instanceId} and ${stillClaimed(deps, sink)}
    returning s.next_at = ${until.toISOString()}::timestamptz as kept`;
  Object.assign(sink, { sentSeq: upTo, failures: 0, until });
  return row?.kept ?? false;
}

/** An SQL condition: this worker still has its claim on the sink (alias `s`). */
const stillClaimed = ({ db: { sql } }: SinkDeps, { lease, until }: ClaimedSink) => sql`
  s.claimed_by = ${lease.id} and s.next_at = ${until.toISOString()}::timestamptz and ${leaseHolds(sql, lease)}`;

async function recordFailure(deps: SinkDeps, sink: ClaimedSink, { upTo, error }: PageResult): Promise<void> {
  const { instanceId, queue } = sink;
  const failures = upTo > sink.sentSeq ? 1 : sink.failures + 1;
  const now = deps.clock.now();
  const nextAt = new Date(now.getTime() + pauseAfter(failures, firstPauseMs, deps.random));
  const reason = reasonOf(error);
  count("EventQueueFailures");
  deps.log.warn({ instanceId, queue, failures, nextAt, reason }, "an event queue did not accept events");
  await deps.db.sql`
    update event_sinks s set sent_seq = ${upTo}, claimed_by = null, failures = ${failures}, error = ${reason},
      failing_since = case when ${failures} = 1 or failing_since is null then ${now.toISOString()}::timestamptz
        else failing_since end,
      next_at = ${nextAt.toISOString()}::timestamptz
    where instance_id = ${instanceId} and ${stillClaimed(deps, sink)}`;
}

/** Returns an error as SQS reports it: `QueueDoesNotExist: …`. */
function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? `${error.name}: ${errorText(error)}` : errorText(error);
  return reason.replaceAll("\u0000", "").slice(0, 300);
}
