import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import { uuidv7 } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Database } from "./index.ts";

const hours = 60 * 60 * 1000;
const days = 24 * hours;

/** The days for which the event log and deliveries are kept. Default: 30. `core/retention` deletes what has a shorter time. */
export interface Kept {
  events: number;
  deliveries: number;
  /** Default: 365. */
  audit?: number;
}

interface Retention {
  table: string;
  /** How long rows are kept: milliseconds, or the setting that has the days. */
  ms: number | keyof Kept;
  /** The column that identifies a row. */
  key: string;
  /** Selects the keys of up to `limit` rows that have expired, the oldest first. */
  expired(sql: postgres.Sql, before: string, limit: number): postgres.PendingQuery<postgres.Row[]>;
  /** Checked again when a row is deleted, because another process may renew the row meanwhile. */
  stillExpired?(sql: postgres.Sql, before: string): postgres.PendingQuery<postgres.Row[]>;
}

/** Tables with limited retention, and the reason for each period. */
const retentions: readonly Retention[] = [
  {
    // A block ends within 15 minutes. The window in which another failure causes a longer block ends within 15 more
    // minutes.
    table: "login_failures",
    ms: 1 * hours,
    key: "subject",
    expired: (sql, before, limit) => sql`
      select subject from login_failures
      where since < ${before}::timestamptz and (blocked_until is null or blocked_until < ${before}::timestamptz)
      order by since limit ${limit}`,
  },
  {
    // How long an address from which a user logged in stays known (`knownDays`).
    table: "known_logins",
    ms: 90 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from known_logins where seen_at < ${before}::timestamptz order by seen_at limit ${limit}`,
  },
  {
    // A token that has expired has no effect.
    table: "stream_tokens",
    ms: 60_000,
    key: "hash",
    expired: (sql, before, limit) => sql`
      select hash from stream_tokens where expires_at < ${before}::timestamptz order by expires_at limit ${limit}`,
  },
  {
    // A window that has ended has no effect. A minute covers small differences between the clocks of processes.
    table: "rate_windows",
    ms: 60_000,
    key: "subject",
    expired: (sql, before, limit) => sql`
      select subject from rate_windows where ends_at < ${before}::timestamptz order by ends_at limit ${limit}`,
    stillExpired: (sql, before) => sql`ends_at < ${before}::timestamptz`,
  },
  {
    // A lease that has expired has no effect. Only the clock of the database decides that.
    table: "claim_leases",
    ms: 1 * hours,
    key: "id",
    expired: (sql, before, limit) => sql`
      select id from claim_leases where until < least(${before}::timestamptz, clock_timestamp() - interval '1 hour')
      order by until limit ${limit}`,
  },
  {
    // Only the current day counts toward a quota.
    table: "upload_days",
    ms: 48 * hours,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from upload_days where day < ${before}::timestamptz::date limit ${limit}`,
  },
  {
    // The period for which the API documents that it remembers an `Idempotency-Key`.
    table: "idempotency_keys",
    ms: 24 * hours,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from idempotency_keys where created_at < ${before}::timestamptz order by created_at limit ${limit}`,
  },
  {
    // WhatsApp keeps messages that a device did not acknowledge for 30 days. It does not send them again after that.
    table: "session_inbox",
    ms: 30 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from session_inbox where received_at < ${before}::timestamptz order by received_at limit ${limit}`,
  },
  {
    // As long as WhatsApp keeps a message for a device. The sender or the phone sends no content after that.
    table: "unreadable_messages",
    ms: 30 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from unreadable_messages where created_at < ${before}::timestamptz order by created_at limit ${limit}`,
  },
  {
    // A message that is older than what WhatsApp keeps for a device does not arrive any more.
    table: "waiting_notes",
    ms: 30 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from waiting_notes where created_at < ${before}::timestamptz order by created_at limit ${limit}`,
  },
  {
    // A device that could not decrypt a message requests it again within 30 days, because WhatsApp drops undelivered
    // messages after that time. Two days cover the precision of `used_at`.
    table: "recipient_lists",
    ms: 32 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from recipient_lists where used_at < ${before}::timestamptz order by used_at limit ${limit}`,
    stillExpired: (sql, before) => sql`used_at < ${before}::timestamptz`,
  },
  {
    // The longest time for which a caller gets no second answer (`maxAnswerHours`).
    table: "call_answers",
    ms: 7 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from call_answers where answered_at < ${before}::timestamptz order by answered_at limit ${limit}`,
    stillExpired: (sql, before) => sql`answered_at < ${before}::timestamptz`,
  },
  {
    // As long as the inbox keeps plaintexts.
    table: "refused_stanzas",
    ms: 30 * days,
    key: "ctid",
    expired: (sql, before, limit) => sql`
      select ctid from refused_stanzas where last_at < ${before}::timestamptz order by last_at limit ${limit}`,
  },
  {
    // Callers can look up the result of a command for a month. Commands that are not finished are not deleted.
    table: "commands",
    ms: 30 * days,
    key: "id",
    expired: (sql, before, limit) => sql`
      select id from commands where id < ${firstIdAt(before)} and finished_at < ${before}::timestamptz
      order by id limit ${limit}`,
  },
  {
    // As long as SQS keeps a message. An older reply can't be sent: its queue is unavailable or was deleted.
    table: "replies",
    ms: 14 * days,
    key: "position",
    expired: (sql, before, limit) => sql`
      select position from replies where created_at < ${before}::timestamptz order by created_at limit ${limit}`,
  },
  {
    // A bulk is kept as long as its commands, which are deleted above, possibly over several runs.
    table: "bulks",
    ms: 30 * days,
    key: "id",
    expired: (sql, before, limit) => sql`
      select id from bulks where id < ${firstIdAt(before)} and finished_at < ${before}::timestamptz
        and not exists (select 1 from commands where bulk_id = bulks.id)
      order by id limit ${limit}`,
  },
  {
    // Callers can read and replay deliveries. The attempts are deleted with the deliveries.
    table: "deliveries",
    ms: "deliveries",
    key: "id",
    expired: (sql, before, limit) => sql`
      select id from deliveries where id < ${firstIdAt(before)} and created_at < ${before}::timestamptz
      order by id limit ${limit}`,
  },
  {
    // Callers can catch up from the event log. Events that were not yet sent to the event queue are not deleted.
    table: "events",
    ms: "events",
    key: "id",
    expired: (sql, before, limit) => sql`
      select id from events
      where id < ${firstIdAt(before)} and created_at < ${before}::timestamptz and emitted_at is not null
      order by id limit ${limit}`,
  },
];

const batchSize = 1_000;

/** Deletes expired rows in small batches, for at most `budgetMs`. Returns the number of rows per table. */
export async function prune(
  deps: { db: Database; clock: Clock; log: Logger; retention?: Kept },
  budgetMs: number,
): Promise<Record<string, number>> {
  const end = performance.now() + budgetMs;
  const deleted: Record<string, number> = {};
  const auditBefore = new Date(deps.clock.now().getTime() - (deps.retention?.audit ?? 365) * days);
  const pruned = await pruneAudit(deps.db, auditBefore, end);
  if (pruned > 0) deleted.audit_log = pruned;
  const now = deps.clock.now().getTime();
  const due = retentions.map((retention) => {
    const ms = typeof retention.ms === "number" ? retention.ms : (deps.retention?.[retention.ms] ?? 30) * days;
    return { retention, before: new Date(now - ms).toISOString() };
  });
  const found = await tablesWithExpired(deps.db, due);
  for (const { retention, before } of due.filter((_, index) => found.has(index))) {
    let total = 0;
    for (let count = batchSize; count === batchSize && performance.now() < end; total += count) {
      count = await deleteExpired(deps.db, retention, before);
    }
    if (total > 0) deleted[retention.table] = total;
  }
  if (Object.keys(deleted).length > 0) deps.log.info({ deleted }, "deleted old rows");
  return deleted;
}

interface Due {
  retention: Retention;
  before: string;
}

/** Returns the indexes of the tables that have expired rows, in one statement. */
async function tablesWithExpired({ sql }: Database, due: readonly Due[]): Promise<ReadonlySet<number>> {
  const looks = due.map(({ retention, before }, index) => {
    return sql`select ${index}::int as index where exists (${retention.expired(sql, before, 1)})`;
  });
  const rows = await sql<{ index: number }[]>`${looks.reduce((all, look) => sql`${all} union all ${look}`)}`;
  return new Set(rows.map(({ index }) => index));
}

async function deleteExpired({ sql }: Database, { table, key, expired, stillExpired }: Retention, before: string) {
  const { count } = await sql`
    delete from ${sql(table)} where ${sql(key)} = any(array(${expired(sql, before, batchSize)}))
      ${stillExpired ? sql`and ${stillExpired(sql, before)}` : sql``}`;
  return count;
}

/** Deletes old entries of the audit log by a function of the database, because this role may not delete them. */
async function pruneAudit({ sql }: Database, before: Date, end: number): Promise<number> {
  let total = 0;
  for (let count = batchSize; count === batchSize && performance.now() < end; total += count) {
    const [row] = await sql<
      { count: number }[]
    >`select prune_audit(${before.toISOString()}::timestamptz, ${batchSize}) as count`;
    count = row?.count ?? 0;
  }
  return total;
}

/**
 * Returns the smallest UUIDv7 of an instant. In a table without an index by age, the primary key replaces that index,
 * because the oldest rows have the smallest ids.
 */
const firstIdAt = (instant: string) => uuidv7(Date.parse(instant), "00000000-0000-4000-8000-000000000000");
