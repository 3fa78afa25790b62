import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type QuotaName, quotaNames } from "../user/user.sql.ts";
import type { QuotaLimits } from "./limits.ts";

/** A scalar subquery for the current usage of each quota. */
const usageOf: Record<QuotaName, (userId: string, day: string) => SQL> = {
  instances: (userId) => sql`(select count(*) from instances where user_id = ${userId} and deleted_at is null)`,
  scheduledSends: (userId) => sql`(
      select count(*) from commands c join instances i on i.id = c.instance_id
      where i.user_id = ${userId} and c.status = 'scheduled' and c.bulk_id is null and c.waiting_reason is null)`,
  openBulks: (userId) => sql`(
      select count(*) from bulks b join instances i on i.id = b.instance_id
      where i.user_id = ${userId} and b.status = 'running')`,
  uploadsPerDay: (userId, day) => sql`
      coalesce((select uploads from upload_days where user_id = ${userId} and day = ${day}::date), 0)`,
  uploadBytesPerDay: (userId, day) => sql`
      coalesce((select bytes from upload_days where user_id = ${userId} and day = ${day}::date), 0)`,
  storedBytes: (userId) => sql`coalesce((
      select sum(m.bytes) from media_sizes m join instances i on i.id = m.instance_id where i.user_id = ${userId}), 0)`,
};

export { type QuotaName, quotaNames } from "../user/user.sql.ts";
export type { QuotaLimits } from "./limits.ts";

export interface QuotaDeps {
  clock: Clock;
  quotas: QuotaLimits;
}

/** A transaction of either client of the database. */
export type Transaction = postgres.TransactionSql | Pick<Database["orm"], "execute">;

/**
 * Reserves amounts of quotas for a user within a transaction that also writes what the amounts are for. Locks the user
 * until the transaction ends, so that concurrent requests can't exceed a limit together. Throws `quota_exceeded`.
 */
export async function takeQuota(
  deps: QuotaDeps,
  transaction: Transaction,
  userId: string,
  amounts: Partial<QuotaLimits>,
): Promise<void> {
  const run = runnerOf(transaction);
  const [user] = await run(sql`select quotas from users where id = ${userId} for no key update`);
  const limits = limitsOf(deps, user?.quotas);
  const names = quotaNames.filter((name) => (amounts[name] ?? 0) > 0 && limits[name] > 0);
  // A statement of its own, so that it sees what the transaction that held the lock has committed.
  const used = await readUsed(run, deps, userId, names);
  for (const name of names) {
    if (used[name] + (amounts[name] ?? 0) > limits[name]) throw exceeded(name, used[name], limits[name]);
  }
  if (amounts.uploadsPerDay || amounts.uploadBytesPerDay) {
    await run(sql`
      insert into upload_days as d (user_id, day, uploads, bytes)
      values (${userId}, ${dayOf(deps)}::date, ${amounts.uploadsPerDay ?? 0}, ${amounts.uploadBytesPerDay ?? 0})
      on conflict (user_id, day) do update set
        uploads = d.uploads + excluded.uploads, bytes = d.bytes + excluded.bytes`);
  }
}

/** Reserves an upload of a user. Throws `quota_exceeded`. */
export function takeUpload(deps: QuotaDeps & { db: Database }, userId: string, bytes: number): Promise<void> {
  const amounts = { uploadsPerDay: 1, uploadBytesPerDay: bytes, storedBytes: bytes };
  return deps.db.sql.begin((transaction) => takeQuota(deps, transaction, userId, amounts));
}

/**
 * Throws `quota_exceeded` if the user's stored files have reached their limit. A file is counted when it is stored, so
 * requests in progress may exceed the limit by their files.
 */
export async function assertRoomForFiles(deps: QuotaDeps & { db: Database }, userId: string): Promise<void> {
  const { storedBytes } = await readQuotas(deps, userId, ["storedBytes"]);
  if (storedBytes.limit !== null && storedBytes.used >= storedBytes.limit) {
    throw exceeded("storedBytes", storedBytes.used, storedBytes.limit);
  }
}

/** `limit` is null for a quota without a limit. */
export type QuotaUsage<Name extends QuotaName = QuotaName> = Record<Name, { used: number; limit: number | null }>;

/** Returns the usage and the limit of a user's quotas. */
export async function readQuotas<Name extends QuotaName>(
  deps: QuotaDeps & { db: Database },
  userId: string,
  names: readonly Name[],
): Promise<QuotaUsage<Name>> {
  const run = runnerOf(deps.db.orm);
  const [user] = await run(sql`select quotas from users where id = ${userId}`);
  const limits = limitsOf(deps, user?.quotas);
  const used = await readUsed(run, deps, userId, names);
  const entries = names.map((name) => [name, { used: used[name], limit: limits[name] || null }]);
  return Object.fromEntries(entries) as QuotaUsage<Name>;
}

type Run = (query: SQL) => Promise<readonly Record<string, unknown>[]>;

const dialect = new PgDialect();

function runnerOf(transaction: Transaction): Run {
  if ("execute" in transaction) return (query) => transaction.execute(query);
  return (query) => {
    const { sql: text, params } = dialect.sqlToQuery(query);
    return transaction.unsafe(text, params as (string | number)[]);
  };
}

async function readUsed(
  run: Run,
  deps: QuotaDeps,
  userId: string,
  names: readonly QuotaName[],
): Promise<Record<QuotaName, number>> {
  const used = byName(() => 0);
  if (names.length === 0) return used;
  const day = dayOf(deps);
  const columns = names.map((name) => sql`${usageOf[name](userId, day)}::float8 as ${sql.identifier(name)}`);
  const [row] = await run(sql`select ${sql.join(columns, sql`, `)}`);
  for (const name of names) used[name] = Number(row?.[name]);
  return used;
}

/** `own`: the limits that an admin has set for the user. */
const limitsOf = ({ quotas }: QuotaDeps, own: unknown): QuotaLimits => ({
  ...quotas,
  ...(own as Partial<QuotaLimits> | null | undefined),
});

const dayOf = ({ clock }: QuotaDeps) => clock.now().toISOString().slice(0, 10);

function byName<Value>(valueFor: (name: QuotaName) => Value): Record<QuotaName, Value> {
  return Object.fromEntries(quotaNames.map((name) => [name, valueFor(name)])) as Record<QuotaName, Value>;
}

function exceeded(quota: QuotaName, used: number, limit: number): AppError {
  const details = `the quota ${quota} is ${limit}, and ${used} of it are used`;
  return new AppError("quota_exceeded", details, { data: { quota, used, limit } });
}
