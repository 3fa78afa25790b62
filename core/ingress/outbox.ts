import { openedOutput } from "../command/result.ts";
import type { Vault } from "../crypto/index.ts";
import { type Database, storableJson } from "../db/index.ts";
import { errorCodes, isErrorCode } from "../error.ts";
import type { Logger } from "../log.ts";
import { batches, maxBatchBytes } from "../queue/batches.ts";
import type { ForeignQueues } from "../queue/foreign.ts";
import type { QueueMessage } from "../queue/index.ts";
import type { IngressReply } from "./message.ts";

export interface ReplyDeps {
  db: Database;
  vault: Vault;
  foreignQueues: ForeignQueues;
  log: Logger;
}

/** A reply on its way: to which queue, and what SQS is told. */
export interface OutgoingReply {
  queue: string;
  groupId: string;
  deduplicationId: string;
  /** Of the instance; 0 when there is none. */
  shard: number;
  reply: IngressReply;
}

/**
 * So long a round may wait for SQS. It holds a transaction meanwhile, which the database ends when it idles for 5 s (`start.ts`): then
 * what was sent would be forgotten, and sent again.
 */
const roundMs = 3_000;

/** Sends a reply now; if its queue refuses, it waits in the database. Throws when that is away as well. */
export async function sendReply(deps: Pick<ReplyDeps, "db" | "foreignQueues" | "log">, out: OutgoingReply) {
  const { queue, groupId, deduplicationId, shard, reply } = out;
  try {
    const refused = await deps.foreignQueues.send(
      queue,
      [{ body: bodyOf(reply), groupId, deduplicationId }],
      AbortSignal.timeout(roundMs),
    );
    if (refused.length === 0) return;
  } catch (error) {
    deps.log.warn({ err: error, queue, correlationId: reply.correlationId }, "a reply queue is not available");
  }
  await deps.db.sql`
    insert into replies (shard, queue, group_id, deduplication_id, reply)
    values (${shard}, ${queue}, ${groupId}, ${deduplicationId}, ${storableJson(reply)}::text::jsonb)`;
}

const page = 100;

interface Row {
  position: number;
  queue: string;
  group_id: string;
  deduplication_id: string;
  command: string | null;
  reply: { commandId: string; output?: unknown; error?: { code: string; details: string | null } };
}

export interface Sent {
  /** How many replies are on their queues now. */
  sent: number;
  /** Another process is sending those of this shard. */
  busy: boolean;
  /** There may be more. */
  more: boolean;
  /** Queues that did not take theirs: not to be tried again at once. */
  failing: string[];
}

/**
 * Sends the replies of a shard that wait, in order for each queue, and forgets those that are on it: at least once. One process at a
 * time does this for a shard, so that no reply overtakes another; whoever comes meanwhile is told `busy`. A queue that is
 * away costs the others nothing: name it in `except` for a while.
 */
export async function sendReplies(
  deps: ReplyDeps,
  { shard, except = [] }: { shard: number; except?: readonly string[] },
): Promise<Sent> {
  return await deps.db.sql.begin(async (sql) => {
    const [lock] = await sql<{ held: boolean }[]>`select pg_try_advisory_xact_lock(${outboxLock}, ${shard}) as held`;
    if (!lock?.held) return { sent: 0, busy: true, more: false, failing: [] };
    const rows = await sql<Row[]>`
      select position::float8 as position, queue, group_id, deduplication_id, command, reply from replies
      where shard = ${shard} and queue <> all(${except}::text[]) order by position limit ${page}`;
    const byQueue = [...Map.groupBy(rows, (row) => row.queue)];
    const signal = AbortSignal.timeout(roundMs);
    const taken = await Promise.all(byQueue.map(([queue, waiting]) => sendInOrder(deps, queue, waiting, signal)));
    const sent = taken.flat();
    if (sent.length > 0) await sql`delete from replies where position = any(${sent}::bigint[])`;
    const failing = byQueue.flatMap(([queue, waiting], at) => (taken[at]?.length === waiting.length ? [] : [queue]));
    return { sent: sent.length, busy: false, more: rows.length === page, failing };
  });
}

/** The first half of the advisory locks under which replies leave; the second is the shard. */
const outboxLock = 1_398_294_340;

/** Stops at the first refusal. Answers the positions of what the queue took. */
async function sendInOrder(
  deps: ReplyDeps,
  queue: string,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<number[]> {
  const sent: number[] = [];
  const waiting = rows.map((row) => [row.position, messageOf(deps.vault, row)] as const);
  for (const batch of batches(waiting, ([, { body }]) => body)) {
    try {
      const refused = await deps.foreignQueues.send(
        queue,
        batch.map(([, message]) => message),
        signal,
      );
      const held = refused.filter(({ permanent }) => !permanent).map(({ index }) => index);
      const until = Math.min(batch.length, ...held);
      for (const { index } of refused)
        if (index < until) await sendWithoutOutput(deps, queue, batch[index]?.[1], signal);
      sent.push(...batch.slice(0, until).map(([position]) => position));
      if (until < batch.length) return sent;
    } catch (error) {
      deps.log.warn({ err: error, queue }, "a reply queue is not available");
      return sent;
    }
  }
  return sent;
}

/** What its queue never takes must not keep the others waiting: its owner has made the queue for small messages only. */
async function sendWithoutOutput(
  deps: ReplyDeps,
  queue: string,
  message: QueueMessage | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!message) return;
  const reply = JSON.parse(message.body) as IngressReply;
  const shorter = { ...reply, ...("output" in reply ? { output: null } : {}) };
  const refused = await deps.foreignQueues.send(queue, [{ ...message, body: JSON.stringify(shorter) }], signal);
  if (refused.length === 0) return;
  if (!refused[0]?.permanent) throw new Error("the queue refused a reply");
  deps.log.error(
    { queue, correlationId: reply.correlationId },
    "a reply queue does not take a reply at all: it is lost",
  );
}

/** The trigger has neither the titles of errors nor the key to what is sealed: both are put in here. */
function messageOf(vault: Vault, row: Row): QueueMessage {
  const { output, error, ...rest } = row.reply;
  const code = isErrorCode(error?.code) ? error.code : "internal";
  const reply = {
    ...rest,
    ...(output === undefined ? {} : { output: outputOf(vault, row) }),
    ...(error ? { error: { code, title: errorCodes[code].title, details: error.details ?? null } } : {}),
  } as IngressReply;
  return { body: bodyOf(reply), groupId: row.group_id, deduplicationId: row.deduplication_id };
}

function outputOf(vault: Vault, { command, reply }: Row): unknown {
  const sealed = typeof reply.output === "object" && reply.output !== null && "sealed" in reply.output;
  return command !== null && sealed
    ? openedOutput(vault, { id: reply.commandId, name: command, output: reply.output })
    : reply.output;
}

/** An output that no queue takes is left out: it stands in the command. */
function bodyOf(reply: IngressReply): string {
  const body = JSON.stringify(reply);
  return Buffer.byteLength(body) <= maxBatchBytes ? body : JSON.stringify({ ...reply, output: null });
}

/** The host of a shard sends within moments; what is older has none. */
const strayMs = 10_000;

/** Sends what no host has sent, of all shards. */
export async function sendStrayReplies(deps: ReplyDeps, budgetMs: number): Promise<number> {
  const end = performance.now() + budgetMs;
  const shards = await deps.db.sql<{ shard: number }[]>`
    select distinct shard from replies where created_at < clock_timestamp() - ${strayMs} * interval '1 ms'`;
  let total = 0;
  for (const { shard } of shards) {
    const except: string[] = [];
    for (let more = true; more && performance.now() < end; ) {
      const sent = await sendReplies(deps, { shard, except });
      total += sent.sent;
      except.push(...sent.failing);
      more = !sent.busy && (sent.more || sent.failing.length > 0);
    }
  }
  if (total > 0) deps.log.warn({ replies: total }, "replies were sent that no host had sent");
  return total;
}
