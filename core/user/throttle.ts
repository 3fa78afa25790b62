import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { clientNetwork } from "../http/ip-ranges.ts";

/**
 * Failures within the window after which a subject is blocked: an account, or an IP address, which many people may
 * share.
 */
export const accountFailures = 5;
export const ipFailures = 20;
const failureWindowSeconds = 15 * 60;
/** The length of the first block. Each further failure doubles the length of the next block. */
const firstBlockSeconds = 60;
const longestBlockSeconds = 15 * 60;

export interface Attempt {
  /** The given email address, whether or not such a user exists. The response must not reveal that. */
  email: string;
  /** The IP address of the connection. If it is unknown, only the account is counted. */
  ip: string | undefined;
}

/**
 * Counts a login attempt before the password is checked. Concurrent guesses are counted one after another, so no guess
 * passes the limit while the password of another guess is being hashed. Returns a function to call if the password is
 * right: it clears the account's failures and removes this attempt from those of the address. Throws `rate_limited`,
 * with `retryAfter` in seconds. Refused attempts are not counted.
 */
export async function countAttempt(
  deps: { db: Database; clock: Clock },
  attempt: Attempt,
): Promise<() => Promise<void>> {
  const { sql } = deps.db;
  const account = sha256(`email:${attempt.email.toLowerCase()}`);
  const address = attempt.ip === undefined ? undefined : sha256(`ip:${clientNetwork(attempt.ip)}`);
  const subjects = sql`(values (${account}::bytea), (${address ?? null}::bytea))`;
  const now = sql`${deps.clock.now().toISOString()}::timestamptz`;
  const limit = sql`case when f.subject = ${account} then ${accountFailures}::int else ${ipFailures}::int end`;
  const windowEnded = sql`greatest(f.since, f.blocked_until) <= ${now} - ${failureWindowSeconds}::int * interval '1 second'`;
  const blockSeconds = sql`
    least(${firstBlockSeconds}::int * 2 ^ least(f.failures + 1 - (${limit}), 10), ${longestBlockSeconds}::int)`;
  // Ordered by key, so that two attempts wait for each other instead of deadlocking.
  const counted = await sql`
    insert into login_failures as f (subject, failures, since)
    select subject, 1, ${now} from ${subjects} tried (subject)
    where subject is not null
      and not exists (select from login_failures b where b.subject in ${subjects} and b.blocked_until > ${now})
    order by subject
    on conflict (subject) do update set
      failures = case when ${windowEnded} then 1 else f.failures + 1 end,
      since = case when ${windowEnded} then excluded.since else f.since end,
      blocked_until = case when not ${windowEnded} and f.failures + 1 >= ${limit} then ${now} + ${blockSeconds} * interval '1 second' end
    where f.blocked_until is null or f.blocked_until <= ${now}
    returning subject`;
  if (counted.length < (address ? 2 : 1)) throw await refusal(deps, account, address);
  return () => forgive(deps, account, address);
}

async function refusal(
  deps: { db: Database; clock: Clock },
  account: Buffer,
  address: Buffer | undefined,
): Promise<AppError> {
  const [row] = await deps.db.sql<{ until: Date | null }[]>`
    select max(blocked_until) as until from login_failures where subject in (${account}, ${address ?? null})`;
  const ms = (row?.until?.getTime() ?? 0) - deps.clock.now().getTime();
  const retryAfter = Math.max(1, Math.ceil(ms / 1000));
  return new AppError("rate_limited", `too many failed logins: try again in ${retryAfter} s`, { data: { retryAfter } });
}

/**
 * Forgives an attempt. The block of an address that had too many failures ends, but its failures stay, so that the next
 * failure brings a longer block.
 */
async function forgive(deps: { db: Database; clock: Clock }, account: Buffer, address: Buffer | undefined) {
  const { sql } = deps.db;
  const now = sql`${deps.clock.now().toISOString()}::timestamptz`;
  await sql`delete from login_failures where subject = ${account}`;
  if (!address) return;
  await sql`
    update login_failures set failures = greatest(failures - 1, 0),
      blocked_until = case when failures > ${ipFailures}::int then least(blocked_until, ${now}) end
    where subject = ${address}`;
}
