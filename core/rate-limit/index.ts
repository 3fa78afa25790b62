import { LRUCache } from "lru-cache";
import type { Caller } from "../caller.ts";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Logger } from "../log.ts";
import { clientOf } from "../user/ip-ranges.ts";

/** What the Gateway API's document says. */
export const windowSeconds = 15 * 60;
/** So many used-up windows are remembered by a process. */
const rememberedSubjects = 10_000;

/** How much a client may still ask; of several subjects, of the one that has the least left. */
export interface Allowance {
  limit: number;
  /** Requests that are left in the window. */
  remaining: number;
  /** Seconds until the window ends, rounded up. */
  resetSeconds: number;
}

interface Window {
  subject: string;
  used: number;
  endsAt: Date;
}

/**
 * Counts requests of an address and of its key, or of its user where it came with a token, in windows of 15 minutes that
 * begin with a first request and that nothing prolongs. The counts are in the database, in one place for all processes.
 */
export class RateLimiter {
  readonly limit: number;
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  /**
   * Windows that are used up, until their end. Nothing opens one earlier: once it is known, a request over the limit costs
   * neither a statement nor a look at its credentials.
   */
  readonly #usedUp = new LRUCache<string, Window>({ max: rememberedSubjects });

  constructor(deps: { db: Database; clock: Clock; log: Logger }, limit: number) {
    this.#deps = deps;
    this.limit = limit;
  }

  now(): Date {
    return this.#deps.clock.now();
  }

  /** Of these subjects the windows that are known to be used up. */
  known(subjects: readonly string[]): Window[] {
    const now = this.now();
    return subjects.flatMap((subject) => this.#usedUp.get(subject) ?? []).filter(({ endsAt }) => endsAt > now);
  }

  /** Counts a request for all its subjects, in one statement. The table is unlogged: nobody waits for a disk. */
  async count(subjects: readonly string[]): Promise<Window[]> {
    const now = this.now().toISOString();
    // In the order of the key: two requests wait for each other instead of locking each other out.
    const windows = await this.#deps.db.sql<Window[]>`
      insert into rate_windows as w (subject, used, ends_at)
      select subject, 1, ${now}::timestamptz + ${windowSeconds}::int * interval '1 second'
      from unnest(${[...subjects]}::text[]) as asked (subject) order by subject
      on conflict (subject) do update set
        used = case when w.ends_at > ${now}::timestamptz then w.used + 1 else 1 end,
        ends_at = case when w.ends_at > ${now}::timestamptz then w.ends_at else excluded.ends_at end
      returning subject, used, ends_at as "endsAt"`;
    for (const window of windows) if (window.used > this.limit) this.#usedUp.set(window.subject, window);
    return windows;
  }

  /** A request is not refused because it cannot be counted. */
  uncounted(error: unknown): void {
    this.#deps.log.error({ err: error }, "a request could not be counted, and is not limited");
  }
}

/** One request before its limit. It is counted once, when it is known who has made it. */
export class RateCount {
  readonly #limiter: RateLimiter;
  readonly #subjects: string[];
  #counting: Promise<void> | undefined;
  /** What to tell the client; undefined before it is counted, and when it cannot be. */
  allowance: Allowance | undefined;

  /** `ip` is where the request came from, if that is known. */
  constructor(limiter: RateLimiter, ip: string | undefined) {
    this.#limiter = limiter;
    this.#subjects = [`ip:${ip === undefined ? "unknown" : clientOf(ip)}`];
  }

  /** Says whose request it is, once the credentials have proved good: nobody else can use up the limit of a key. */
  by(caller: Caller): void {
    this.#subjects.push(caller.key ? `key:${caller.key.id}` : `user:${caller.userId}`);
  }

  get counted(): boolean {
    return this.#counting !== undefined;
  }

  /** Throws `rate_limited` if it is known already that there is nothing left; counts nothing. */
  assertLeft(): void {
    const usedUp = this.#limiter.known(this.#subjects);
    if (usedUp.length > 0) this.#assertWithin(usedUp);
  }

  /**
   * Counts the request, if that is not done yet. Throws `rate_limited`, with `retryAfter` in seconds. When the database cannot
   * count, that is logged, and nobody is refused.
   */
  settle(): Promise<void> {
    this.#counting ??= this.#count();
    return this.#counting;
  }

  async #count(): Promise<void> {
    this.assertLeft();
    const windows = await this.#limiter.count(this.#subjects).catch((error: unknown) => this.#limiter.uncounted(error));
    if (windows) this.#assertWithin(windows);
  }

  #assertWithin(windows: readonly Window[]): void {
    const { limit } = this.#limiter;
    // All that are over the limit are equally full: of those the one that lasts longest counts.
    const fill = ({ used }: Window) => Math.min(used, limit + 1);
    const fullest = Math.max(...windows.map(fill));
    const end = Math.max(...windows.filter((one) => fill(one) === fullest).map(({ endsAt }) => endsAt.getTime()));
    const resetSeconds = Math.max(1, Math.ceil((end - this.#limiter.now().getTime()) / 1000));
    this.allowance = { limit, remaining: Math.max(0, limit - fullest), resetSeconds };
    if (fullest <= limit) return;
    const details = `at most ${limit} requests in ${windowSeconds / 60} minutes: try again in ${resetSeconds} s`;
    throw new AppError("rate_limited", details, { data: { retryAfter: resetSeconds } });
  }
}
