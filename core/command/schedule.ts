import type { Database } from "../db/index.ts";
import { readWithinBytes } from "../db/page.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import type { WaitReason } from "../restriction/index.ts";

/** How far ahead a message can be scheduled, in milliseconds. A later time is probably a mistake. */
const maxAheadMs = 366 * 24 * 60 * 60 * 1000;

/** Throws `invalid_request` unless the time is in the future and within a year. */
export function assertRunAt(runAt: Date, now: Date): void {
  const aheadMs = runAt.getTime() - now.getTime();
  if (aheadMs > 0 && aheadMs <= maxAheadMs) return;
  throw new AppError("invalid_request", `sendAt: must be ${aheadMs > 0 ? "within a year" : "in the future"}`);
}

/**
 * Checks that the instance can connect without a new scan, because a scheduled send needs no connection yet. Throws
 * `instance_not_connected`.
 */
export function assertLinked(instance: Instance): void {
  if (instance.linkedAt || instance.status === "connected") return;
  throw new AppError("instance_not_connected", `the instance is ${instance.status} and not linked`, {
    data: { status: instance.status },
  });
}

export interface Scheduled {
  messageId: string;
  chatId: string;
  type: string;
  body: string;
  runAt: Date;
  createdAt: Date;
  /** Why the message waits, if it is due again at `runAt` because it could not be sent before. */
  waitingReason: WaitReason | null;
}

/**
 * Returns a page of the scheduled messages, the message that is due next first. Messages of bulks are not included.
 */
export async function listScheduled(
  db: Database,
  instanceId: string,
  page: PageRequest,
): Promise<{ scheduled: Scheduled[]; pagination: Pagination }> {
  const rows = db.sql`
    select c.wa_id as "messageId", m.chat_id as "chatId", m.type, m.body, c.run_at as "runAt", c.created_at as "createdAt",
      c.waiting_reason as "waitingReason"
    from commands c join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id and m.from_me
    where c.instance_id = ${instanceId} and c.status = 'scheduled' and c.bulk_id is null
    order by c.run_at, c.id limit ${page.limit} offset ${page.skip}`;
  const [found, [count]] = await Promise.all([
    readWithinBytes<Scheduled>(db.sql, rows, db.sql`octet_length(body)`),
    db.sql<{ total: number }[]>`
      select count(*)::int as total from commands
      where instance_id = ${instanceId} and status = 'scheduled' and bulk_id is null`,
  ]);
  const { items: scheduled, pagination } = paged(page, found, count?.total ?? 0);
  return { scheduled, pagination };
}

/**
 * Cancels a scheduled message, single or in a bulk. Canceling the message again has no effect. A message is either sent
 * or canceled, never both, because the claim of the host updates the same row. Throws `message_not_found` and
 * `already_released`.
 */
export async function cancelScheduled(
  deps: { db: Database; clock: { now(): Date } },
  instanceId: string,
  messageId: string,
): Promise<void> {
  const { sql } = deps.db;
  const canceled = await sql`
    with command as (
      update commands set status = 'canceled', finished_at = ${deps.clock.now()}
      where instance_id = ${instanceId} and wa_id = ${messageId} and status = 'scheduled' returning instance_id, wa_id
    )
    update messages set status = 'canceled', sent_at = least(sent_at, date_trunc('second', now())) from command
    where messages.instance_id = command.instance_id and messages.wa_id = command.wa_id and messages.from_me
      and messages.instance_id = ${instanceId} and messages.wa_id = ${messageId} and messages.status = 'pending'
    returning messages.wa_id`;
  if (canceled.length > 0) return;
  const [known] = await sql<{ status: string }[]>`
    select status from messages where instance_id = ${instanceId} and wa_id = ${messageId} and from_me`;
  if (!known) throw new AppError("message_not_found");
  if (known.status !== "canceled") throw new AppError("already_released", `the message is ${known.status}`);
}
