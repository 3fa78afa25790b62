import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { appendEvents } from "../event/append.ts";
import type { Ids } from "../id.ts";
import { isEnabled } from "../instance/enabled-user.ts";
import type { Logger } from "../log.ts";
import { commandQueue, type Queues } from "../queue/index.ts";
import type { CommandName } from "./catalog/index.ts";
import { type CommandEnding, fail, logEnds, succeed, writeEnds } from "./end.ts";
import { commandMessage } from "./envelope.ts";

export interface SweepDeps {
  db: Database;
  queues: Queues;
  clock: Clock;
  ids: Ids;
  log: Logger;
}

/**
 * A host claims a queued command within a second, so a command that is queued longer may never have reached the queue.
 */
const requeueAfter = "30 seconds";
/**
 * Without a host, commands stay in their queue. SQS drops duplicates for five minutes, so every run in that time sends
 * the command to its queue again. Later, each run would add a copy, so a command is sent only once an hour.
 */
const dropWindow = "5 minutes";
const repeatSeconds = 3600;
/** A little more than the time between two runs of the sweep. */
const runSeconds = 90;
const batchSize = 500;
/** The number of commands of one shard that a run sends again, so that a shard without a host delays no other shard. */
const perShard = 100;

/**
 * Sends commands that are still `queued` to their queue again, because the process that accepted them may have died
 * between writing the row and sending it to the queue: the oldest of each shard. Returns the number of commands that the
 * queues accepted. Throws if SQS is not available.
 */
export async function requeueCommands(deps: SweepDeps): Promise<number> {
  const now = nowOf(deps);
  const rows = await deps.db.sql<{ id: string; instance_id: string; shard: number; kind: string }[]>`
    select lost.* from ${lostPerShard(deps.db.sql, now, perShard)}`;
  let sent = 0;
  for (const [shard, commands] of Map.groupBy(rows, (row) => row.shard)) {
    for (let start = 0; start < commands.length; start += 10) {
      const messages = commands
        .slice(start, start + 10)
        .map((command) => commandMessage({ ...command, instanceId: command.instance_id }));
      const refused = await deps.queues.sendBatch(commandQueue(shard), messages);
      if (refused.length > 0) deps.log.error({ shard, refused: refused.length }, "the queue refused commands");
      sent += messages.length - refused.length;
    }
  }
  if (sent > 0) deps.log.warn({ commands: sent }, "commands were sent to their queue again");
  return sent;
}

/** A list of the oldest commands of each shard that are sent to their queue again, as `lost`. Reads the index by shard. */
const lostPerShard = (sql: postgres.ISql, now: string, limit: number) => sql`
  shards cross join lateral (
    select id, instance_id, shard, kind from commands where shard = shards.id and ${isLost(sql, now)}
    order by created_at limit ${limit}) lost`;

/** A condition on a command: it is sent to its queue again. */
const isLost = (sql: postgres.ISql, now: string) => sql`
  status = 'queued' and created_at < ${now}::timestamptz - ${requeueAfter}::interval and deadline > ${now}::timestamptz
  and ${isEnabled(sql, sql`commands.user_id`)}
  and (created_at > ${now}::timestamptz - ${dropWindow}::interval
    or extract(epoch from ${now}::timestamptz - created_at)::bigint % ${repeatSeconds} < ${runSeconds})`;

/** An SQL condition: a run of `requeueCommands` has something to do. */
export const hasLostCommands = (deps: Pick<SweepDeps, "db" | "clock">): postgres.PendingQuery<postgres.Row[]> =>
  deps.db.sql`exists (select from ${lostPerShard(deps.db.sql, nowOf(deps), 1)})`;

const nowOf = ({ clock }: Pick<SweepDeps, "clock">) => clock.now().toISOString();

/** How long a bulk may release nothing before it fails. A single send waits equally long (`sendLifetimeMs`). */
const bulkLifetime = "24 hours";
/** How long a shard must have been without a host before its claimed commands fail. */
const abandonedAfter = "60 seconds";

/**
 * Ends commands past their deadline that no host will end: commands that no host has claimed, scheduled commands that
 * no host has released, commands of a bulk that makes no progress, and claimed commands of a shard that has had no host
 * for a minute. A pending message fails with its command and is announced in the same transaction. A message that
 * WhatsApp has acknowledged makes its command done. Returns the number of commands that ended.
 */
export async function expireCommands(deps: SweepDeps): Promise<number> {
  const rows = await deps.db.sql<{ instance_id: string; shard: number }[]>`
    select distinct c.instance_id, c.shard from (${expiredOwners(deps.db.sql, nowOf(deps))}) c limit ${batchSize}`;
  let expired = 0;
  // One transaction per instance: it locks the instance to number the events, and must never hold the locks of two
  // instances.
  for (const { instance_id: instanceId, shard } of rows) {
    const endings = await expireInstance(deps, instanceId, shard);
    expired += endings.length;
    for (const ending of endings) logEnds(deps.log, instanceId, ending);
  }
  if (expired > 0) deps.log.warn({ commands: expired }, "commands expired");
  return expired;
}

/** Selects the instances and shards of commands that have expired. */
const expiredOwners = (sql: postgres.ISql, now: string) => sql`
  select instance_id, shard from commands where status = 'queued' and deadline < ${now}::timestamptz
  union all
  select instance_id, shard from commands
  where status = 'scheduled' and bulk_id is null and (run_at < ${now}::timestamptz or waiting_reason is not null)
    and waiting_reason is distinct from 'paused' and deadline < ${now}::timestamptz
  union all
  select instance_id, shard from bulks b where ${stuck(sql, now)}
    and exists (select 1 from commands where bulk_id = b.id and status = 'scheduled')
  union all
  select c.instance_id, c.shard from commands c join shards s on s.id = c.shard
  where c.status = 'claimed' and c.deadline < ${now}::timestamptz
    and coalesce(s.lease_until, '-infinity') < clock_timestamp() - ${abandonedAfter}::interval`;

/** An SQL condition: a run of `expireCommands` has something to do. */
export const hasExpiredCommands = (deps: Pick<SweepDeps, "db" | "clock">): postgres.PendingQuery<postgres.Row[]> =>
  deps.db.sql`exists (${expiredOwners(deps.db.sql, nowOf(deps))})`;

/**
 * A running bulk `b` that has been due for `bulkLifetime` while its instance released no message of any bulk, and whose
 * messages don't wait for the end of a restriction. The sends of the instance are not paused, and were not resumed since.
 */
const stuck = (sql: postgres.ISql, now: string) => sql`
  b.status = 'running' and b.start_at < ${now}::timestamptz - ${bulkLifetime}::interval and not exists (
    select 1 from bulks o where o.instance_id = b.instance_id
      and o.released_at > ${now}::timestamptz - ${bulkLifetime}::interval)
  and not exists (
    select 1 from commands c where c.bulk_id = b.id and c.status = 'scheduled' and c.waiting_reason is not null
      and c.run_at > ${now}::timestamptz - ${bulkLifetime}::interval)
  and not exists (
    select 1 from instances i where i.id = b.instance_id and (i.sends_paused_at is not null
      or i.sends_resumed_at > ${now}::timestamptz - ${bulkLifetime}::interval))`;

interface ExpiredCommand {
  id: string;
  name: CommandName;
  waId: string | null;
  chatId: string | null;
  correlationId: string;
  acknowledged: boolean;
}

function expireInstance(deps: SweepDeps, instanceId: string, shard: number): Promise<CommandEnding[]> {
  const at = deps.clock.now();
  const error = new AppError("command_expired");
  return deps.db.sql.begin(async (sql) => {
    const endings = (await lockExpired(sql, instanceId, shard, at.toISOString())).map((command) =>
      command.acknowledged ? succeed(command, { messageId: command.waId }) : fail(command, error),
    );
    const ends = endings.flatMap((ending) => ending.commands);
    await writeEnds(
      sql,
      ends.map((end) => ({ ...end, at })),
      ["queued", "scheduled", "claimed"],
    );
    const waIds = endings.flatMap(({ messageUpdates = [] }) => messageUpdates.map((update) => update.waId));
    const failed = await sql<{ wa_id: string }[]>`
      update messages set status = 'failed', error = ${error.code}
      where instance_id = ${instanceId} and wa_id = any(${waIds}) and from_me and status = 'pending'
      returning wa_id`;
    const announced = new Set(failed.map((message) => message.wa_id));
    const events = endings.flatMap(({ events = [], messageUpdates: [message] = [], correlationId }) =>
      message && announced.has(message.waId)
        ? events.map((event) => ({ ...event, id: deps.ids.uuid(), instanceId, at, correlationId }))
        : [],
    );
    await appendEvents(sql, events);
    return endings;
  });
}

/** Locks the commands of an instance that have expired. */
async function lockExpired(
  sql: postgres.TransactionSql,
  instanceId: string,
  shard: number,
  now: string,
): Promise<ExpiredCommand[]> {
  // A host takes a shard under the exclusive form of this lock (see `fence`), so no host takes the shard while this
  // transaction runs.
  await sql`select pg_advisory_xact_lock_shared(${advisoryLock.shard}, ${shard})`;
  // A host that releases and a caller that cancels also lock a bulk before its commands, so they don't deadlock.
  const bulks = await sql<{ id: string }[]>`
    select id from bulks b where instance_id = ${instanceId} and ${stuck(sql, now)} order by id for update`;
  return await sql<ExpiredCommand[]>`
    select c.id, c.name, c.wa_id as "waId", m.chat_id as "chatId", c.correlation_id as "correlationId",
      coalesce(m.status in ('sent', 'delivered', 'read'), false) as acknowledged
    from commands c left join messages m
      on m.instance_id = c.instance_id and m.wa_id = c.wa_id and m.from_me and c.kind = 'send'
    where c.instance_id = ${instanceId}
      and ((c.status = 'scheduled' and c.bulk_id = any(${bulks.map((bulk) => bulk.id)}::uuid[]))
        or (c.deadline < ${now}::timestamptz and (c.status = 'queued'
          or (c.status = 'scheduled' and c.bulk_id is null and c.waiting_reason is distinct from 'paused')
          or (c.status = 'claimed' and exists (
            select 1 from shards where id = ${shard}
              and coalesce(lease_until, '-infinity') < clock_timestamp() - ${abandonedAfter}::interval)))))
    order by c.created_at, c.bulk_index limit ${batchSize} for update of c`;
}
