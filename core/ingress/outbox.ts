import type postgres from "postgres";
import { openedOutput } from "../command/result.ts";
import type { Vault } from "../crypto/index.ts";
import { advisoryLock } from "../db/advisory-lock.ts";
import { type Database, storableJson } from "../db/index.ts";
import { errorCodes, isErrorCode } from "../error.ts";
import type { Logger } from "../log.ts";
import { defined } from "../object.ts";
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

/** A reply with its queue and its attributes for SQS. */
export interface OutgoingReply {
  queue: string;
  groupId: string;
  deduplicationId: string;
  /** Shard of the instance. 0 without an instance. */
  shard: number;
  reply: IngressReply;
}

/**
 * Time limit for a round of calls to SQS. A round keeps a transaction open, which the database ends after 5 s without a
 * statement (`session-host/host/start.ts`). The replies that were sent would then be sent again.
 */
const roundMs = 3_000;

/**
 * Sends a reply now, or stores it in the database if its queue refuses the reply. Throws if the database is also
 * unavailable.
 */
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

const pageSize = 100;

interface Row {
  position: number;
  queue: string;
  group_id: string;
  deduplication_id: string;
  command: string | null;
  reply: { commandId: string; output?: unknown; error?: { code: string; details: string | null } };
}

export interface SendResult {
  /** The number of replies that were sent. */
  sent: number;
  /** Whether another process is sending the replies of this shard. */
  busy: boolean;
  /** Whether there may be more. */
  more: boolean;
  /** Queues that did not accept all their replies. Do not retry them at once. */
  failing: string[];
}

/**
 * Sends the stored replies of a shard at least once, in order per queue, and deletes the sent ones. One process at a
 * time does this for a shard, so that no reply overtakes another. Other callers get `busy`. To keep an unavailable
 * queue from delaying the others, pass it in `except` for a while.
 */
export async function sendReplies(
  deps: ReplyDeps,
  { shard, except = [] }: { shard: number; except?: readonly string[] },
): Promise<SendResult> {
  return await deps.db.sql.begin(async (sql) => {
    const [lock] = await sql<
      { acquired: boolean }[]
    >`select pg_try_advisory_xact_lock(${advisoryLock.replies}, ${shard}) as acquired`;
    if (!lock?.acquired) return { sent: 0, busy: true, more: false, failing: [] };
    const rows = await sql<Row[]>`
      select position::float8 as position, queue, group_id, deduplication_id, command, reply from replies
      where shard = ${shard} and queue <> all(${except}::text[]) order by position limit ${pageSize}`;
    const byQueue = [...Map.groupBy(rows, (row) => row.queue)];
    const signal = AbortSignal.timeout(roundMs);
    const sentByQueue = await Promise.all(byQueue.map(([queue, waiting]) => sendInOrder(deps, queue, waiting, signal)));
    const sent = sentByQueue.flat();
    if (sent.length > 0) await sql`delete from replies where position = any(${sent}::bigint[])`;
    const failing = byQueue.flatMap(([queue, waiting], index) =>
      sentByQueue[index]?.length === waiting.length ? [] : [queue],
    );
    return { sent: sent.length, busy: false, more: rows.length === pageSize, failing };
  });
}

/**
 * Sends the replies of a queue up to the first temporary refusal. Returns the positions of the replies that are done.
 */
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
      const temporary = refused.filter(({ permanent }) => !permanent).map(({ index }) => index);
      const until = Math.min(batch.length, ...temporary);
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

/**
 * Sends a reply without its output to a queue that accepts only small messages, so that the reply doesn't block later
 * ones.
 */
async function sendWithoutOutput(
  deps: ReplyDeps,
  queue: string,
  message: QueueMessage | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!message) return;
  const reply = JSON.parse(message.body) as IngressReply;
  const shorter = "output" in reply ? { ...reply, output: null } : reply;
  const refused = await deps.foreignQueues.send(queue, [{ ...message, body: JSON.stringify(shorter) }], signal);
  if (refused.length === 0) return;
  if (!refused[0]?.permanent) throw new Error("the queue refused a reply");
  deps.log.error(
    { queue, correlationId: reply.correlationId },
    "a reply is lost because its queue refuses it even without its output",
  );
}

/**
 * Adds the parts of a reply that the trigger on `commands` can't add: the title of an error, and the plaintext of a
 * sealed output.
 */
function messageOf(vault: Vault, row: Row): QueueMessage {
  const { output, error, ...rest } = row.reply;
  const code = isErrorCode(error?.code) ? error.code : "internal";
  const reply = {
    ...rest,
    ...defined({
      output: output === undefined ? undefined : outputOf(vault, row),
      error: error ? { code, title: errorCodes[code].title, details: error.details ?? null } : undefined,
    }),
  } as IngressReply;
  return { body: bodyOf(reply), groupId: row.group_id, deduplicationId: row.deduplication_id };
}

function outputOf(vault: Vault, { command, reply }: Row): unknown {
  const sealed = typeof reply.output === "object" && reply.output !== null && "sealed" in reply.output;
  return command !== null && sealed
    ? openedOutput(vault, { id: reply.commandId, name: command, output: reply.output })
    : reply.output;
}

/** Omits an output that is too large for any queue. The API returns it with the command. */
function bodyOf(reply: IngressReply): string {
  const body = JSON.stringify(reply);
  return Buffer.byteLength(body) <= maxBatchBytes ? body : JSON.stringify({ ...reply, output: null });
}

/** The host of a shard sends replies at once, so no host serves the shard of a reply that is older than this. */
const strayMs = 10_000;

/** An SQL condition: a run of `sendStrayReplies` has something to do. */
export const hasStrayReplies = ({ db: { sql } }: Pick<ReplyDeps, "db">): postgres.PendingQuery<postgres.Row[]> =>
  sql`exists (select from replies where created_at < clock_timestamp() - ${strayMs} * interval '1 ms')`;

/** Sends the replies of all shards that no host has sent. Returns the number of replies sent. */
export async function sendStrayReplies(deps: ReplyDeps, budgetMs: number): Promise<number> {
  const end = performance.now() + budgetMs;
  const shards = await deps.db.sql<{ shard: number }[]>`
    select distinct shard from replies where created_at < clock_timestamp() - ${strayMs} * interval '1 ms'`;
  let total = 0;
  for (const { shard } of shards) {
    const except: string[] = [];
    for (let more = true; more && performance.now() < end; ) {
      const result = await sendReplies(deps, { shard, except });
      total += result.sent;
      except.push(...result.failing);
      more = !result.busy && (result.more || result.failing.length > 0);
    }
  }
  if (total > 0) deps.log.warn({ replies: total }, "sent replies that no host had sent");
  return total;
}
