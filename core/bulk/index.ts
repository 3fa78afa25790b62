import type postgres from "postgres";
import { type AcceptDeps, sendPatienceMs } from "../command/accept.ts";
import type { SendDefinition } from "../command/catalog/define.ts";
import { commandCatalog } from "../command/catalog/index.ts";
import { findKey } from "../command/idempotency.ts";
import { assertLinked, assertRunAt } from "../command/schedule.ts";
import { sha256 } from "../crypto/index.ts";
import { storableJson } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { type BulkContent, bulkCommand, planBulk } from "./plan.ts";

export interface BulkRequest extends BulkContent {
  /** Maximum messages per minute. */
  perMinute: number;
  /** Not before this. */
  startAt?: Date | undefined;
}

export interface AcceptedBulk {
  bulkId: string;
  accepted: number;
  rejected: number;
}

interface Origin {
  userId: string;
  instance: Instance;
  idempotencyKey?: string | undefined;
  correlationId: string;
  /** An additional check before the bulk is accepted. Throws what the caller gets as the error. */
  check?: (() => Promise<void>) | undefined;
}

/** Rows per statement. */
const chunk = 2_000;

/**
 * Accepts many sends at once, all or none. Each becomes a command that waits for the session host to release it, and a pending
 * message with its final id. Throws `invalid_request`, `instance_not_connected` when the instance is not linked, and
 * `idempotency_conflict`.
 */
export async function createBulk(deps: AcceptDeps, origin: Origin, request: BulkRequest): Promise<AcceptedBulk> {
  const { userId, instance, idempotencyKey: key } = origin;
  const requestHash = sha256(JSON.stringify([instance.id, "bulk", request]));
  const earlier = await findRepeat(deps, userId, key, requestHash);
  if (earlier) return earlier;
  const now = deps.clock.now();
  const startAt = request.startAt ?? now;
  if (request.startAt) assertRunAt(request.startAt, now);
  assertLinked(instance);
  const { planned, rejected } = planBulk(request);
  await origin.check?.();

  const command: SendDefinition = commandCatalog[bulkCommand(request)];
  const bulkId = deps.ids.uuid();
  // Sorted by chat, because the insert locks the chats' day counts in this order: concurrent bulks wait instead of deadlocking.
  const rows = planned
    .map(({ index, input }) => ({
      command_id: deps.ids.uuid(),
      message_id: deps.ids.uuid(),
      wa_id: deps.ids.messageId(),
      index,
      input,
      ...command.preview(input, undefined),
    }))
    .sort((a, b) => (a.to < b.to ? -1 : 1));
  const deadline = new Date(startAt.getTime() + sendPatienceMs);
  // Until a message leaves, its time is that of the request, in whole seconds like WhatsApp's timestamps.
  const sentAt = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const insert = (sql: postgres.ISql, some: typeof rows) => sql`
    with row as materialized (
      select * from jsonb_to_recordset(${storableJson(some)}::text::jsonb) as t(command_id uuid, message_id uuid, wa_id text,
        index int, input jsonb, "to" text, type text, "protoType" text, body text)
    ), command as (
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, bulk_id, bulk_index,
        correlation_id, deadline, created_at)
      select command_id, ${instance.id}::uuid, ${userId}::uuid, ${instance.shard}::int, ${command.name}::text, 'send', input, wa_id,
        'scheduled', ${bulkId}::uuid, index, ${origin.correlationId}::text, ${deadline}::timestamptz, ${now}::timestamptz
      from row
    )
    insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
    select message_id, ${instance.id}::uuid, wa_id, "to", true, type, "protoType", body, 'pending', ${sentAt}::timestamptz,
      ${now}::timestamptz
    from row`;
  try {
    await retryDeadlock(() =>
      deps.db.sql.begin(async (sql) => {
        await sql`
        insert into bulks (id, instance_id, user_id, shard, per_minute, total, rejected, start_at, created_at)
        values (${bulkId}, ${instance.id}, ${userId}, ${instance.shard}, ${request.perMinute}, ${rows.length},
          ${storableJson(rejected)}::text::jsonb, ${startAt}, ${now})`;
        for (let start = 0; start < rows.length; start += chunk) await insert(sql, rows.slice(start, start + chunk));
        if (key !== undefined) {
          await sql`
          insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
          values (${userId}, ${key}, ${requestHash}, ${rows[0]?.command_id ?? ""}, ${now})`;
        }
      }),
    );
  } catch (error) {
    // Of two requests with one key at once, the one that lost the race gets the winner's answer.
    const winner = await findRepeat(deps, userId, key, requestHash);
    if (winner) return winner;
    throw error;
  }
  return { bulkId, accepted: rows.length, rejected: rejected.length };
}

/** Retries after a deadlock: the session host takes the same locks in the order of what WhatsApp sends. */
async function retryDeadlock<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) !== sqlStates.deadlock || tries === 3) throw error;
    }
  }
}

async function findRepeat(
  { db }: AcceptDeps,
  userId: string,
  key: string | undefined,
  requestHash: Buffer,
): Promise<AcceptedBulk | undefined> {
  const known = key === undefined ? undefined : await findKey(db, userId, key, requestHash);
  if (!known?.bulkId) return undefined;
  const [bulk] = await db.sql<AcceptedBulk[]>`
    select id as "bulkId", total as accepted, jsonb_array_length(rejected) as rejected from bulks where id = ${known.bulkId}`;
  return bulk;
}

/**
 * Cancels the messages that are not released yet, and nothing of a bulk that has ended. Returns how many were canceled. Throws
 * `bulk_not_found`.
 */
export async function cancelBulk(
  deps: Pick<AcceptDeps, "db" | "clock">,
  instanceId: string,
  bulkId: string,
): Promise<number> {
  const now = deps.clock.now();
  return await deps.db.sql.begin(async (sql) => {
    // Locks the bulk first, as the host does when it releases: a message is either released before, or canceled.
    const [bulk] = await sql<{ status: string }[]>`
      select status from bulks where id = ${bulkId} and instance_id = ${instanceId} for update`;
    if (!bulk) throw new AppError("bulk_not_found");
    if (bulk.status !== "running") return 0;
    await sql`update bulks set status = 'canceled', finished_at = ${now} where id = ${bulkId}`;
    const canceled = await sql<{ wa_id: string }[]>`
      update commands set status = 'canceled', finished_at = ${now}
      where bulk_id = ${bulkId} and status = 'scheduled' returning wa_id`;
    await sql`
      update messages set status = 'canceled'
      where instance_id = ${instanceId} and wa_id = any(${canceled.map((row) => row.wa_id)}) and from_me
        and status = 'pending'`;
    return canceled.length;
  });
}
