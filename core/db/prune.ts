import type { Clock } from "../clock.ts";
import { uuidv7 } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Database } from "./index.ts";

const hours = 60 * 60 * 1000;
const days = 24 * hours;

interface Retention {
  table: string;
  ms: number;
  /** Deletes up to `limit` rows that are older than `before`, oldest first. Answers how many. */
  delete(db: Database, before: string, limit: number): Promise<number>;
}

/**
 * What is kept only for a time, and why that long. Where a table has no index by age, its ids are one: they are UUIDv7,
 * so the oldest rows are the first of the primary key.
 */
export const retentions: readonly Retention[] = [
  {
    // A block and the window after it, in which one more failure brings a longer block, are over after half an hour.
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
    // A window that has ended says nothing. The clocks of two processes may differ a little.
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
    // What the document of `Idempotency-Key` promises.
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
    // WhatsApp keeps what a device did not acknowledge for 30 days; after that it does not send a message again.
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
    // A month to look up what became of a request; a command that is still open stays.
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
    // As long as SQS would keep it: its queue is away or gone.
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
    // As long as its commands, which are deleted above and not all at once by this.
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
    // A month to see, and to send again, what an endpoint missed. Their attempts go with them.
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
    // A month to catch up from the log; an event that was not emitted yet stays.
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

/** Deletes what has been kept long enough, in small batches, for at most `budgetMs`. Answers how many rows of each table. */
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
  if (Object.keys(deleted).length > 0) deps.log.info({ deleted }, "old rows were deleted");
  return deleted;
}

/** The smallest UUIDv7 of an instant. */
const firstIdAt = (at: string) => uuidv7(Date.parse(at), "00000000-0000-4000-8000-000000000000");
