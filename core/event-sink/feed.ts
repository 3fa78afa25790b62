import { pauseAfter } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
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
  log: Logger;
  /** Returns 0 to 1, for the jitter. */
  random?: () => number;
}

export interface FeedOptions {
  /** Time limit of this run, in milliseconds. */
  budgetMs: number;
  /** Events per instance that this run sends at most, rounded to pages. The next run sends the rest. */
  maxEvents: number;
}

/** How long a claim lasts, in milliseconds. Each page renews it. */
const claimMs = 30_000;
/** Reserved at the end of a run for the call in progress. */
const marginMs = 12_000;
/** Events that are read at once. */
const page = 100;
/** Sinks that are served at the same time. */
const parallel = 16;
/** Timeout of one call, in milliseconds. A queue that does not respond must not hold up the others. */
const callTimeoutMs = 10_000;
/** The first pause of a failing sink. It doubles after each further failure, up to an hour. */
const firstPauseMs = 5_000;

/** A sink that this worker has claimed until `until`. */
interface Claimed {
  instanceId: string;
  queue: string;
  sentSeq: number;
  failures: number;
  until: Date;
}

/**
 * Sends the new events of these instances to their queues, in order per instance, instances in parallel. A failure
 * delays only its own sink and is never thrown. Sinks that wait for a retry or that another worker has claimed are left
 * out.
 */
export async function feedSinks(deps: SinkDeps, instanceIds: readonly string[], options: FeedOptions): Promise<void> {
  const run = startRun(options);
  try {
    await inParallel(await claim(deps, { of: instanceIds }), (sink) => serve(deps, sink, run));
  } catch (error) {
    deps.log.error({ err: error, instances: instanceIds.length }, "can't send events to their queues");
  }
}

/**
 * Does the same for all sinks that are due and have unsent events, until the run ends: those that failed, and those
 * that nobody else has served. Returns the number of events sent. Throws errors that kept sinks from being claimed.
 */
export async function feedLagging(deps: SinkDeps, options: FeedOptions): Promise<{ sent: number }> {
  const run = startRun(options);
  while (run.left() > marginMs) {
    const due = await claim(deps, { limit: parallel });
    if (due.length === 0) break;
    await inParallel(due, (sink) => serve(deps, sink, run));
  }
  return { sent: run.sent };
}

interface Run {
  sent: number;
  readonly maxEvents: number;
  left(): number;
}

function startRun({ budgetMs, maxEvents }: FeedOptions): Run {
  const end = performance.now() + budgetMs;
  return { sent: 0, maxEvents, left: () => end - performance.now() };
}

async function inParallel<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const lanes = Array.from({ length: Math.min(parallel, all.length) }, async () => {
    for (const one of waiting) await work(one);
  });
  await Promise.all(lanes);
}

/** Claims sinks that have unsent events, the longest waiting first. */
async function claim(deps: SinkDeps, which: { of: readonly string[] } | { limit: number }): Promise<Claimed[]> {
  const { sql } = deps.db;
  const now = deps.clock.now();
  const until = new Date(now.getTime() + claimMs);
  const [filter, limit] =
    "of" in which ? [sql`and s.instance_id = any(${which.of as string[]}::uuid[])`, null] : [sql``, which.limit];
  const rows = await sql<{ instance_id: string; queue: string; sent_seq: number; failures: number }[]>`
    update event_sinks set next_at = ${until.toISOString()}::timestamptz
    where instance_id = any(array(
      select s.instance_id from event_sinks s join instances i on i.id = s.instance_id
      where s.next_at <= ${now.toISOString()}::timestamptz and s.sent_seq < i.event_seq ${filter}
      order by s.next_at limit ${limit} for update of s skip locked))
    returning instance_id, queue, sent_seq::float8 as sent_seq, failures`;
  return rows.map(({ instance_id: instanceId, queue, sent_seq: sentSeq, failures }) => ({
    instanceId,
    queue,
    sentSeq,
    failures,
    until,
  }));
}

/** Sends page by page until the queue has everything, a call fails, or the run reaches a limit. Never throws. */
async function serve(deps: SinkDeps, sink: Claimed, run: Run): Promise<void> {
  try {
    for (let sent = 0; ; ) {
      const rows = await read(deps, sink);
      const result = await send(deps, sink, rows);
      sent += result.sent;
      run.sent += result.sent;
      count("EventsSentOut", result.sent);
      if (result.error) {
        await recordFailure(deps, sink, result);
        return;
      }
      const more = sent < run.maxEvents && run.left() > marginMs;
      if (!(await recordProgress(deps, sink, result.upTo, more))) return;
    }
  } catch (error) {
    deps.log.error({ err: error, instanceId: sink.instanceId }, "can't serve an event queue");
  }
}

type Head = { head: number };

/**
 * Reads the next events in one snapshot. A transaction that numbers events locks their instance until it commits, so no
 * event is missing before one that is visible. Without events, `head` is the number up to which the log was pruned.
 */
async function read({ db }: SinkDeps, sink: Claimed): Promise<(Head & Partial<LogRow>)[]> {
  return await db.sql<(Head & Partial<LogRow>)[]>`
    select i.event_seq::float8 as head, e.* from instances i left join lateral (
      select id, instance_id, seq::float8 as seq, type, data, correlation_id, created_at from events
      where instance_id = i.id and seq > ${sink.sentSeq} order by seq limit ${page}) e on true
    where i.id = ${sink.instanceId} order by e.seq`;
}

interface Sent {
  /** The queue has all events up to this number. */
  upTo: number;
  sent: number;
  /** The thrown error, or the reason for a refused message. */
  error?: unknown;
}

async function send(deps: SinkDeps, sink: Claimed, rows: readonly (Head & Partial<LogRow>)[]): Promise<Sent> {
  const events = rows.filter((row): row is Head & LogRow => row.id !== undefined && row.id !== null);
  if (events.length === 0) return { upTo: rows[0]?.head ?? sink.sentSeq, sent: 0 };
  const result: Sent = { upTo: sink.sentSeq, sent: 0 };
  try {
    const entries = events.map((row) => entryOf(deps, row));
    for (const batch of batches(entries, ({ message }) => message?.body ?? null)) {
      const messages = batch.flatMap(({ message }) => message ?? []);
      const signal = AbortSignal.timeout(callTimeoutMs);
      const [first] = messages.length > 0 ? await deps.foreignQueues.send(sink.queue, messages, signal) : [];
      result.sent += first?.index ?? messages.length;
      const refused = first && messages[first.index]?.deduplicationId;
      for (const { row } of batch) {
        // Later events must not overtake a refused one.
        if (row.id === refused) return { ...result, error: first?.reason };
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
  message?: QueueMessage;
}

function entryOf(deps: SinkDeps, row: LogRow): Entry {
  const body = publicBody(row, deps.vault, deps.clock.now());
  if (body !== null) return { row, message: { body, groupId: row.instance_id, deduplicationId: row.id } };
  // A later version wrote the event, before a rollback or during a deploy.
  deps.log.error({ eventId: row.id, type: row.type }, "skipped an event of an unknown type for an event queue");
  return { row };
}

/**
 * Records what the queue has. Returns whether this worker keeps the sink for another page: not when everything is sent,
 * when its claim has expired and another worker has the sink, or when the queue has been changed.
 */
async function recordProgress(deps: SinkDeps, sink: Claimed, upTo: number, more: boolean): Promise<boolean> {
  const now = deps.clock.now();
  const until = new Date(Math.max(now.getTime() + claimMs, sink.until.getTime() + 1));
  const [row] = await deps.db.sql<{ kept: boolean }[]>`
    update event_sinks s set sent_seq = ${upTo}, failures = 0, failing_since = null, error = null,
      next_at = case when ${more} and i.event_seq > ${upTo} then ${until.toISOString()}::timestamptz
        else ${now.toISOString()}::timestamptz end
    from instances i
    where i.id = s.instance_id and s.instance_id = ${sink.instanceId} and s.next_at = ${sink.until.toISOString()}::timestamptz
    returning s.next_at = ${until.toISOString()}::timestamptz as kept`;
  Object.assign(sink, { sentSeq: upTo, failures: 0, until });
  return row?.kept ?? false;
}

async function recordFailure(deps: SinkDeps, sink: Claimed, { upTo, error }: Sent): Promise<void> {
  const { instanceId, queue } = sink;
  const failures = upTo > sink.sentSeq ? 1 : sink.failures + 1;
  const now = deps.clock.now();
  const nextAt = new Date(now.getTime() + pauseAfter(failures, firstPauseMs, deps.random));
  const reason = reasonOf(error);
  count("EventQueueFailures");
  deps.log.warn({ instanceId, queue, failures, nextAt, reason }, "an event queue refuses events");
  await deps.db.sql`
    update event_sinks set sent_seq = ${upTo}, failures = ${failures}, error = ${reason},
      failing_since = case when ${failures} = 1 or failing_since is null then ${now.toISOString()}::timestamptz
        else failing_since end,
      next_at = ${nextAt.toISOString()}::timestamptz
    where instance_id = ${instanceId} and next_at = ${sink.until.toISOString()}::timestamptz`;
}

/** As SQS reports it: `QueueDoesNotExist: …`. */
function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return reason.replaceAll("\u0000", "").slice(0, 300);
}
