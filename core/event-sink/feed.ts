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
  /** Answers 0 to 1, for the jitter. */
  random?: () => number;
}

export interface FeedOptions {
  /** Milliseconds this run may take. */
  budgetMs: number;
  /** Events of one instance that this run sends at most, give or take a page; the rest waits for the next one. */
  maxEvents: number;
}

/** So long nobody else takes a sink; each page claims it anew. */
const claimMs = 30_000;
/** Kept of the time of a run for the call that is under way when it ends. */
const marginMs = 12_000;
/** Events that are read at once. */
const page = 100;
/** Sinks that are served side by side. */
const parallel = 16;
/** For one call, in milliseconds: a queue that does not answer must not hold up who waits for the worker. */
const callTimeoutMs = 10_000;
/** The first pause of a sink that fails; doubled after each further failure up to an hour. */
const firstPauseMs = 5_000;

/** A sink that this worker has until then. */
interface Claimed {
  instanceId: string;
  queue: string;
  sentSeq: number;
  failures: number;
  until: Date;
}

/**
 * Sends what is new of these instances to the queues that are set for them, in the order of its numbers, instances side by
 * side. What fails waits, and costs nobody else anything: nothing is thrown. A sink that waits for its next try, or that
 * another worker has, is left alone.
 */
export async function feedSinks(deps: SinkDeps, instanceIds: readonly string[], options: FeedOptions): Promise<void> {
  const run = startRun(options);
  try {
    await sideBySide(await claim(deps, { of: instanceIds }), (sink) => serve(deps, sink, run));
  } catch (error) {
    deps.log.error({ err: error, instances: instanceIds.length }, "events could not be sent to their queues");
  }
}

/**
 * The same for all sinks that have not got everything and whose turn it is, as long as the run may take: what failed, and what
 * nobody else has sent. Answers how many events were sent. Throws what kept sinks from being looked at.
 */
export async function feedLagging(deps: SinkDeps, options: FeedOptions): Promise<{ sent: number }> {
  const run = startRun(options);
  while (run.left() > marginMs) {
    const due = await claim(deps, { limit: parallel });
    if (due.length === 0) break;
    await sideBySide(due, (sink) => serve(deps, sink, run));
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

async function sideBySide<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const lanes = Array.from({ length: Math.min(parallel, all.length) }, async () => {
    for (const one of waiting) await work(one);
  });
  await Promise.all(lanes);
}

/** Takes sinks that have not got everything and that nobody has, those that have waited longest first. */
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

/** Sends page by page until the queue has everything, it fails, or the run has done enough. Throws nothing. */
async function serve(deps: SinkDeps, sink: Claimed, run: Run): Promise<void> {
  try {
    for (let sent = 0; ; ) {
      const rows = await read(deps, sink);
      const result = await send(deps, sink, rows);
      sent += result.sent;
      run.sent += result.sent;
      count("EventsSentOut", result.sent);
      if (result.error) {
        await noteFailure(deps, sink, result);
        return;
      }
      const goOn = sent < run.maxEvents && run.left() > marginMs;
      if (!(await moveOn(deps, sink, result.upTo, goOn))) return;
    }
  } catch (error) {
    deps.log.error({ err: error, instanceId: sink.instanceId }, "an event queue could not be served");
  }
}

type Head = { head: number };

/**
 * The next events, all of one look at the database: whoever numbers events holds the lock of their instance until they are
 * committed, so there is none missing before any that is seen. Without a row, `head` says up to where the log is gone.
 */
async function read({ db }: SinkDeps, sink: Claimed): Promise<(Head & Partial<LogRow>)[]> {
  return await db.sql<(Head & Partial<LogRow>)[]>`
    select i.event_seq::float8 as head, e.* from instances i left join lateral (
      select id, instance_id, seq::float8 as seq, type, data, correlation_id, created_at from events
      where instance_id = i.id and seq > ${sink.sentSeq} order by seq limit ${page}) e on true
    where i.id = ${sink.instanceId} order by e.seq`;
}

interface Sent {
  /** The queue has all events up to this one. */
  upTo: number;
  sent: number;
  /** What was thrown, or why a message was refused. */
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
        // What comes after a refused one would overtake it.
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
  // It was written by a later version, before this one was put in its place or after.
  deps.log.error({ eventId: row.id, type: row.type }, "an event of an unknown type is not sent to its queue");
  return { row };
}

/**
 * Writes down what the queue has. Answers whether this worker has the sink for another page: not when it has sent all there
 * is, nor when it was so slow that another has it, or its queue was changed meanwhile.
 */
async function moveOn(deps: SinkDeps, sink: Claimed, upTo: number, goOn: boolean): Promise<boolean> {
  const now = deps.clock.now();
  const until = new Date(Math.max(now.getTime() + claimMs, sink.until.getTime() + 1));
  const [row] = await deps.db.sql<{ goes_on: boolean }[]>`
    update event_sinks s set sent_seq = ${upTo}, failures = 0, failing_since = null, error = null,
      next_at = case when ${goOn} and i.event_seq > ${upTo} then ${until.toISOString()}::timestamptz
        else ${now.toISOString()}::timestamptz end
    from instances i
    where i.id = s.instance_id and s.instance_id = ${sink.instanceId} and s.next_at = ${sink.until.toISOString()}::timestamptz
    returning s.next_at = ${until.toISOString()}::timestamptz as goes_on`;
  Object.assign(sink, { sentSeq: upTo, failures: 0, until });
  return row?.goes_on ?? false;
}

async function noteFailure(deps: SinkDeps, sink: Claimed, { upTo, error }: Sent): Promise<void> {
  const { instanceId, queue } = sink;
  const failures = upTo > sink.sentSeq ? 1 : sink.failures + 1;
  const now = deps.clock.now();
  const nextAt = new Date(now.getTime() + pauseAfter(failures, firstPauseMs, deps.random));
  const reason = reasonOf(error);
  count("EventQueueFailures");
  deps.log.warn({ instanceId, queue, failures, nextAt, reason }, "an event queue does not take events");
  await deps.db.sql`
    update event_sinks set sent_seq = ${upTo}, failures = ${failures}, error = ${reason},
      failing_since = case when ${failures} = 1 or failing_since is null then ${now.toISOString()}::timestamptz
        else failing_since end,
      next_at = ${nextAt.toISOString()}::timestamptz
    where instance_id = ${instanceId} and next_at = ${sink.until.toISOString()}::timestamptz`;
}

/** In SQS's words: `QueueDoesNotExist: …`. */
function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return reason.replaceAll("\u0000", "").slice(0, 300);
}
