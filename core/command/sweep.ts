import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { appendEvents } from "../event/append.ts";
import type { Ids } from "../id.ts";
import type { Logger } from "../log.ts";
import { count } from "../metric/index.ts";
import { commandQueue, type Queues } from "../queue/index.ts";
import { commandMessage } from "./envelope.ts";

export interface SweepDeps {
  db: Database;
  queues: Queues;
  clock: Clock;
  ids: Ids;
  log: Logger;
}

/** A command that is on its queue is taken over within a second, so one this old may never have got there. */
const requeueAfter = "30 seconds";
/**
 * A host that is away leaves its commands in the queue, where SQS drops a repeat for five minutes and keeps it after
 * that. So a command is put there again during its first five minutes, and then once an hour.
 */
const dropWindow = "5 minutes";
const repeatSeconds = 3600;
/** A little more than the time between two runs. */
const runSeconds = 90;
const batchSize = 500;

/**
 * Puts commands that were accepted but are still `queued` onto their queue again: whoever accepted them may have died
 * between row and queue. Answers how many. Throws when the queue is not available.
 */
export async function requeueCommands(deps: SweepDeps): Promise<number> {
  const now = deps.clock.now().toISOString();
  const rows = await deps.db.sql<{ id: string; instance_id: string; shard: number; kind: string }[]>`
    select id, instance_id, shard, kind from commands
    where status = 'queued' and created_at < ${now}::timestamptz - ${requeueAfter}::interval and deadline > ${now}::timestamptz
      and (created_at > ${now}::timestamptz - ${dropWindow}::interval
        or extract(epoch from ${now}::timestamptz - created_at)::bigint % ${repeatSeconds} < ${runSeconds})
    order by created_at limit ${batchSize}`;
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
  if (sent > 0) deps.log.warn({ commands: sent }, "commands were put on their queue again");
  return sent;
}

interface Expired {
  id: string;
  status: "done" | "failed";
  wa_id: string | null;
  correlation_id: string;
}

/** A bulk of which nothing could be sent for so long is given up; a single send waits as long for its instance. */
const bulkPatience = "24 hours";

/**
 * Gives up commands past their deadline that no host will give up: those that never left the queue, those that were not
 * taken when they were due, those of a bulk that does not get on, and those that a host had begun whose shard nobody has
 * served for a minute. A message that is still pending fails with them, and its event
 * is appended in the same transaction; one that WhatsApp has acknowledged makes its command done. Answers how many.
 */
export async function expireCommands(deps: SweepDeps): Promise<number> {
  const now = deps.clock.now().toISOString();
  const rows = await deps.db.sql<{ instance_id: string; shard: number }[]>`
    select distinct c.instance_id, c.shard from (
      select instance_id, shard from commands where status = 'queued' and deadline < ${now}::timestamptz
      union all
      select instance_id, shard from commands
      where status = 'scheduled' and bulk_id is null and run_at < ${now}::timestamptz and deadline < ${now}::timestamptz
      union all
      select instance_id, shard from bulks b where ${stuck(deps.db.sql, now)}
        and exists (select 1 from commands where bulk_id = b.id and status = 'scheduled')
      union all
      select c.instance_id, c.shard from commands c join shards s on s.id = c.shard
      where c.status = 'claimed' and c.deadline < ${now}::timestamptz
        and coalesce(s.lease_until, '-infinity') < clock_timestamp() - interval '60 seconds'
    ) c limit ${batchSize}`;
  let expired = 0;
  // One transaction for each instance: it locks the instance to number the events, and no two locks are ever held at once.
  for (const { instance_id: instanceId, shard } of rows) {
    const commands = await expireInstance(deps, instanceId, shard);
    expired += commands.length;
    for (const { id: commandId, correlation_id: correlationId, status } of commands) {
      count(status === "done" ? "CommandsDone" : "CommandsFailed");
      deps.log.info({ correlationId, instanceId, commandId, status }, "a command has ended");
    }
  }
  if (expired > 0) deps.log.warn({ commands: expired }, "commands were given up");
  return expired;
}

/** A bulk `b` that has been due for long while nothing of any bulk of its instance went out. */
const stuck = (sql: postgres.ISql, now: string) => sql`
  b.status = 'running' and b.start_at < ${now}::timestamptz - ${bulkPatience}::interval and not exists (
    select 1 from bulks o where o.instance_id = b.instance_id
      and o.released_at > ${now}::timestamptz - ${bulkPatience}::interval)`;

function expireInstance(deps: SweepDeps, instanceId: string, shard: number): Promise<Expired[]> {
  const at = deps.clock.now();
  const now = at.toISOString();
  return deps.db.sql.begin(async (sql) => {
    // A host takes a shard under the exclusive form of this lock (see `fence`): none begins while we judge that none will.
    await sql`select pg_advisory_xact_lock_shared(1398294337, ${shard})`;
    // Before its commands, as a host that releases does, and whoever cancels: so none waits for another in a circle.
    const bulks = await sql<{ id: string }[]>`
      select id from bulks b where instance_id = ${instanceId} and ${stuck(sql, now)} order by id for update`;
    const commands = await sql<Expired[]>`
      update commands c set finished_at = ${now}::timestamptz,
        status = case when m.status in ('sent', 'delivered', 'read') then 'done' else 'failed' end,
        output = case when m.status in ('sent', 'delivered', 'read') then jsonb_build_object('messageId', c.wa_id) end,
        error_code = case when m.status in ('sent', 'delivered', 'read') then null else 'command_expired' end
      from commands o left join messages m
        on m.instance_id = o.instance_id and m.wa_id = o.wa_id and m.from_me and o.kind = 'send'
      where o.id = c.id and c.id in (
          select id from commands where instance_id = ${instanceId}
            and ((status = 'scheduled' and bulk_id = any(${bulks.map((bulk) => bulk.id)}::uuid[]))
              or (deadline < ${now}::timestamptz and (status = 'queued'
                or (status = 'scheduled' and bulk_id is null)
                or (status = 'claimed' and exists (
                  select 1 from shards where id = ${shard}
                    and coalesce(lease_until, '-infinity') < clock_timestamp() - interval '60 seconds')))))
          order by created_at, bulk_index limit ${batchSize} for update)
      returning c.id, c.status, c.wa_id, c.correlation_id`;
    const causes = new Map(commands.flatMap(({ wa_id, correlation_id }) => (wa_id ? [[wa_id, correlation_id]] : [])));
    const waIds = [...causes.keys()];
    const messages = await sql<{ wa_id: string; chat_id: string }[]>`
      update messages set status = 'failed', error = 'command_expired'
      where instance_id = ${instanceId} and wa_id = any(${waIds}) and from_me and status = 'pending'
      returning wa_id, chat_id`;
    await appendEvents(
      sql,
      messages.map((message) => ({
        id: deps.ids.uuid(),
        instanceId,
        at,
        type: "message.failed" as const,
        data: { messageId: message.wa_id, chatId: message.chat_id, code: "command_expired" as const, details: null },
        correlationId: causes.get(message.wa_id) ?? null,
      })),
    );
    return [...commands];
  });
}
