import type { Clock } from "../clock.ts";
import { uuidv7 } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Database } from "./index.ts";

const hours = 60 * 60 * 1000;
const days = 24 * hours;

interface Retention {
  table: string;
  ms: number;
  /** Deletes up to `limit` rows that are older than `before`, the oldest first. Returns how many. */
  delete(db: Database, before: string, limit: number): Promise<number>;
}

/**
 * Tables with limited retention, and the reason for each period. Where a table has no index by age, its ids serve as
 * one: they are UUIDv7, so the oldest rows come first in the primary key.
 */
export const retentions: readonly Retention[] = [
  {
    // A block, and the following window in which another failure brings a longer block, end within half an hour.
    table: "login_failures",
    ms: 1 * hours,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from login_failures where subject = any(array(
            select subject from login_failures
            where since < ${before}::timestamptz and (blocked_until is null or blocked_until < ${before}::timestamptz)
            order by since limit ${limit}))`
      ).count,
  },
  {
    // A window that has ended has no effect. The clocks of two processes may differ slightly.
    table: "rate_windows",
    ms: 60_000,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from rate_windows where subject = any(array(
            select subject from rate_windows where ends_at < ${before}::timestamptz order by ends_at limit ${limit}))
            and ends_at < ${before}::timestamptz`
      ).count,
  },
  {
    // The period that the API document promises for `Idempotency-Key`.
    table: "idempotency_keys",
    ms: 24 * hours,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from idempotency_keys where ctid = any(array(
            select ctid from idempotency_keys where created_at < ${before}::timestamptz order by created_at limit ${limit}))`
      ).count,
  },
  {
    // WhatsApp keeps messages that a device did not acknowledge for 30 days, and then does not send them again.
    table: "session_inbox",
    ms: 30 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from session_inbox where ctid = any(array(
            select ctid from session_inbox where received_at < ${before}::timestamptz order by received_at limit ${limit}))`
      ).count,
  },
  {
    // A month to look up the result of a request. A command that is still open stays.
    table: "commands",
    ms: 30 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from commands where id in (
            select id from commands where id < ${firstIdAt(before)} and finished_at < ${before}::timestamptz order by id limit ${limit})`
      ).count,
  },
  {
    // The retention of SQS. The reply queue is unavailable or gone.
    table: "replies",
    ms: 14 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from replies where position = any(array(
            select position from replies where created_at < ${before}::timestamptz order by created_at limit ${limit}))`
      ).count,
  },
  {
    // As long as its commands, which are deleted above, possibly over several runs.
    table: "bulks",
    ms: 30 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from bulks where id in (
            select id from bulks where id < ${firstIdAt(before)} and finished_at < ${before}::timestamptz
              and not exists (select 1 from commands where bulk_id = bulks.id)
            order by id limit ${limit})`
      ).count,
  },
  {
    // A month to see and replay what an endpoint missed. The attempts are deleted with the deliveries.
    table: "deliveries",
    ms: 30 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from deliveries where id in (
            select id from deliveries where id < ${firstIdAt(before)} and created_at < ${before}::timestamptz order by id limit ${limit})`
      ).count,
  },
  {
    // A month to catch up from the event log. An event that was not yet emitted stays.
    table: "events",
    ms: 30 * days,
    delete: async (db, before, limit) =>
      (
        await db.sql`
          delete from events where id in (
            select id from events where id < ${firstIdAt(before)} and created_at < ${before}::timestamptz and emitted_at is not null
            order by id limit ${limit})`
      ).count,
  },
];

const batchSize = 1_000;

/** Deletes expired rows in small batches, for at most `budgetMs`. Returns the number of rows per table. */
export async function prune(
  deps: { db: Database; clock: Clock; log: Logger },
  budgetMs: number,
): Promise<Record<string, number>> {
  const end = performance.now() + budgetMs;
  const deleted: Record<string, number> = {};
  for (const { table, ms, ...retention } of retentions) {
    const before = new Date(deps.clock.now().getTime() - ms).toISOString();
    let total = 0;
    for (let count = batchSize; count === batchSize && performance.now() < end; total += count) {
      count = await retention.delete(deps.db, before, batchSize);
    }
    if (total > 0) deleted[table] = total;
  }
  if (Object.keys(deleted).length > 0) deps.log.info({ deleted }, "deleted old rows");
  return deleted;
}

/** The smallest UUIDv7 of an instant. */
const firstIdAt = (at: string) => uuidv7(Date.parse(at), "00000000-0000-4000-8000-000000000000");
