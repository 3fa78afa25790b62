import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { clientNetwork } from "../http/ip-ranges.ts";

/**
 * Failures within the window after which further attempts are refused for a while. Many people may share an address, so it
 * has a higher limit than one account at that address.
 */
export const pairFailures = 5;
export const ipFailures = 20;
/**
 * Failures of an account from all addresses together. Above this limit, attempts are not blocked but spaced, so that
 * strangers with many addresses can neither guess fast nor lock the owner out.
 */
export const accountFailures = 20;
export const accountDelaySeconds = 10;

const failureWindowSeconds = 15 * 60;
/** The length of the first block. Each further failure doubles the length of the next block. */
const firstBlockSeconds = 60;
const longestBlockSeconds = 15 * 60;
/** How long the address of a successful login stays known. */
export const knownDays = 90;

export interface Attempt {
  /** The given email address, whether or not such a user exists. The response must not reveal that. */
  email: string;
  /** The client's IP address. All clients without a known address count as one address. */
  ip: string | undefined;
}

type ThrottleDeps = { db: Database; clock: Clock };

/** What an attempt counts for. Each is a hash. */
interface Subjects {
  /** The account at this address. */
  pair: Buffer;
  /** The address. Undefined if it is not known, or if the user has logged in from it before. */
  address: Buffer | undefined;
  /** The account at any address. Undefined if the user has logged in from this address before. */
  account: Buffer | undefined;
}

/**
 * Counts a login attempt before the password is checked. Concurrent guesses are counted one after another, so no guess
 * passes the limit while the password of another guess is being hashed. Returns a function to call if the password is
 * right: it removes this attempt from the failures, and remembers the address. Throws `rate_limited`, with `retryAfter` in
 * seconds. Refused attempts are not counted.
 *
 * From an address from which the user has logged in before, only failures of this account at this address count. So
 * strangers elsewhere, and other accounts at the address, don't delay the owner.
 */
export async function countAttempt(
  deps: ThrottleDeps,
  attempt: Attempt,
): Promise<(user: { id: string }) => Promise<void>> {
  const { sql } = deps.db;
  const { pair, address, account } = await subjectsOf(deps, attempt);
  const all = [pair, address, account].filter((one) => one !== undefined);
  const subjects = rowsOf(sql, all);
  const now = sql`${deps.clock.now().toISOString()}::timestamptz`;
  const limit = sql`
    case f.subject when ${pair} then ${pairFailures}::int when ${account ?? null}::bytea then ${accountFailures}::int
      else ${ipFailures}::int end`;
  const windowEnded = sql`greatest(f.since, f.blocked_until) <= ${now} - ${failureWindowSeconds}::int * interval '1 second'`;
  const blockSeconds = sql`
    case f.subject when ${account ?? null}::bytea then ${accountDelaySeconds}::int
      else least(${firstBlockSeconds}::int * 2 ^ least(f.failures + 1 - (${limit}), 10), ${longestBlockSeconds}::int) end`;
  // Ordered by key, so that two attempts wait for each other instead of deadlocking.
  const counted = await sql`
    insert into login_failures as f (subject, failures, since)
    select subject, 1, ${now} from ${subjects} tried
    where not exists (
      select from login_failures b where b.subject in ${subjects} and b.blocked_until > ${now})
    order by subject
    on conflict (subject) do update set
      failures = case when ${windowEnded} then 1 else f.failures + 1 end,
      since = case when ${windowEnded} then excluded.since else f.since end,
      blocked_until = case when not ${windowEnded} and f.failures + 1 >= ${limit} then ${now} + ${blockSeconds} * interval '1 second' end
    where f.blocked_until is null or f.blocked_until <= ${now}
    returning subject`;
  if (counted.length < all.length) throw await refusal(deps, all);
  return async ({ id }) => {
    await forgive(deps, { pair, address, account });
    if (attempt.ip !== undefined) await remember(deps, id, attempt.ip);
  };
}

/** Returns a subquery with these subjects. As text, because the driver can't send a list of byte strings. */
const rowsOf = (sql: postgres.Sql, subjects: readonly Buffer[]) => sql`
  (select decode(hex, 'hex') as subject from unnest(${subjects.map((one) => one.toString("hex"))}::text[]) hex)`;

const networkHash = (ip: string) => sha256(`ip:${clientNetwork(ip)}`);

/** Returns the subjects of an attempt. Takes the same time whether or not the user exists. */
async function subjectsOf({ db, clock }: ThrottleDeps, { email, ip }: Attempt): Promise<Subjects> {
  const account = email.toLowerCase();
  const pair = sha256(`pair:${account}\t${ip === undefined ? "" : clientNetwork(ip)}`);
  const subjects = { pair, account: sha256(`email:${account}`) };
  if (ip === undefined) return { ...subjects, address: undefined };
  const address = networkHash(ip);
  const since = new Date(clock.now().getTime() - knownDays * 24 * 60 * 60 * 1000).toISOString();
  const known = await db.sql`
    select from known_logins k join users u on u.id = k.user_id
    where u.email = ${account} and k.network = ${address} and k.seen_at > ${since}::timestamptz`;
  return known.length > 0 ? { pair, address: undefined, account: undefined } : { ...subjects, address };
}

async function refusal({ db, clock }: ThrottleDeps, subjects: readonly Buffer[]): Promise<AppError> {
  const [row] = await db.sql<{ until: Date | null }[]>`
    select max(blocked_until) as until from login_failures where subject in ${rowsOf(db.sql, subjects)}`;
  const ms = (row?.until?.getTime() ?? 0) - clock.now().getTime();
  const retryAfter = Math.max(1, Math.ceil(ms / 1000));
  return new AppError("rate_limited", `too many failed logins: try again in ${retryAfter} s`, { data: { retryAfter } });
}

/**
 * Forgives an attempt. The failures of the account at this address are cleared. Those of the address and of the account at
 * other addresses stay, without this attempt: a block that it caused ends, but the next failure brings a longer one.
 */
async function forgive({ db, clock }: ThrottleDeps, { pair, address, account }: Subjects): Promise<void> {
  const { sql } = db;
  const now = sql`${clock.now().toISOString()}::timestamptz`;
  await sql`delete from login_failures where subject = ${pair}`;
  const others = [address, account].filter((one) => one !== undefined);
  if (others.length === 0) return;
  const limit = sql`case subject when ${account ?? null}::bytea then ${accountFailures}::int else ${ipFailures}::int end`;
  await sql`
    update login_failures set failures = greatest(failures - 1, 0),
      blocked_until = case when failures > ${limit} then least(blocked_until, ${now}) end
    where subject in ${rowsOf(sql, others)}`;
}

/** Remembers that a user logged in from this address. */
async function remember({ db, clock }: ThrottleDeps, userId: string, ip: string): Promise<void> {
  await db.sql`
    insert into known_logins (user_id, network, seen_at)
    values (${userId}, ${networkHash(ip)}, ${clock.now().toISOString()}::timestamptz)
    on conflict (user_id, network) do update set seen_at = excluded.seen_at`;
}
