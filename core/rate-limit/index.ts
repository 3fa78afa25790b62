import type { Caller } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { answerOf } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { clientNetwork } from "../http/ip-ranges.ts";
import type { Logger } from "../log.ts";
import { lruCache } from "../lru.ts";

/** The length of a window, as the Gateway API documents it. */
const windowSeconds = 15 * 60;
/** How many exhausted windows a process remembers. */
const rememberedSubjects = 10_000;

/** The remaining allowance of a client. If several subjects are counted, the smallest allowance. */
export interface Allowance {
  limit: number;
  /** Remaining requests in the window. */
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
 * Counts requests per address and per key (or per user, with a token), in windows of 15 minutes that start with the
 * first request and are never extended. The database holds the counts for all processes.
 */
export class RateLimiter {
  readonly limit: number;
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  /**
   * Exhausted windows, until they end. They never end early, so a request over the limit needs neither a statement nor
   * a check of its credentials.
   */
  readonly #usedUp = lruCache<string, Window>(rememberedSubjects);

  constructor(deps: { db: Database; clock: Clock; log: Logger }, limit: number) {
    this.#deps = deps;
    this.limit = limit;
  }

  now(): Date {
    return this.#deps.clock.now();
  }

  /** Returns the windows of these subjects that are known to be exhausted, without asking the database. */
  exhausted(subjects: readonly string[]): Window[] {
    const now = this.now();
    return subjects.flatMap((subject) => this.#usedUp.get(subject) ?? []).filter(({ endsAt }) => endsAt > now);
  }

  /**
   * Counts a request for all its subjects, in one statement. The table is unlogged, so no request waits for a disk.
   */
  async count(subjects: readonly string[]): Promise<Window[]> {
    const now = this.now().toISOString();
    // Ordered by key, so that two requests wait for each other instead of deadlocking.
    const { db } = this.#deps;
    const query = db.sql<Window[]>`
      insert into rate_windows as w (subject, used, ends_at)
      select subject, 1, ${now}::timestamptz + ${windowSeconds}::int * interval '1 second'
      from unnest(${[...subjects]}::text[]) as counted (subject) order by subject
      on conflict (subject) do update set
        used = case when w.ends_at > ${now}::timestamptz then w.used + 1 else 1 end,
        ends_at = case when w.ends_at > ${now}::timestamptz then w.ends_at else excluded.ends_at end
      returning subject, used, ends_at as "endsAt"`;
    const windows = await answerOf(db, query);
    for (const window of windows) if (window.used > this.limit) this.#usedUp.set(window.subject, window);
    return windows;
  }

  /** Logs that a request can't be counted. Such a request is allowed. */
  logUncounted(error: unknown): void {
    this.#deps.log.error({ err: error }, "can't count a request, so it is not limited");
  }
}

/** The rate limit of one request. The request is counted once, as soon as its caller is known. */
export class RateCount {
  readonly #limiter: RateLimiter;
  readonly #subjects: string[];
  #counting: Promise<void> | undefined;
  /** Undefined until the request is counted, and if the request can't be counted. */
  allowance: Allowance | undefined;

  /** `ip` is the client's address, if known. */
  constructor(limiter: RateLimiter, ip: string | undefined) {
    this.#limiter = limiter;
    this.#subjects = [`ip:${ip === undefined ? "unknown" : clientNetwork(ip)}`];
  }

  /** Adds the caller once the credentials are verified, so that nobody else can use up the limit of a key. */
  addCaller(caller: Caller): void {
    this.#subjects.push(caller.key ? `key:${caller.key.id}` : `user:${caller.userId}`);
  }

  /** Throws `rate_limited` if a window is known to be exhausted. Counts nothing. */
  assertLeft(): void {
    const usedUp = this.#limiter.exhausted(this.#subjects);
    if (usedUp.length > 0) this.#assertWithin(usedUp);
  }

  /**
   * Counts the request unless it is already counted. Throws `rate_limited`, with `retryAfter` in seconds. If the
   * database can't count the request, that is logged and the request is allowed.
   */
  settle(): Promise<void> {
    this.#counting ??= this.#count();
    return this.#counting;
  }

  async #count(): Promise<void> {
    this.assertLeft();
    const windows = await this.#limiter
      .count(this.#subjects)
      .catch((error: unknown) => this.#limiter.logUncounted(error));
    if (windows) this.#assertWithin(windows);
  }

  #assertWithin(windows: readonly Window[]): void {
    const { limit } = this.#limiter;
    // All windows over the limit count as equally full. The latest end of the fullest windows is reported.
    const fill = ({ used }: Window) => Math.min(used, limit + 1);
    const fullest = Math.max(...windows.map(fill));
    const end = Math.max(...windows.filter((window) => fill(window) === fullest).map(({ endsAt }) => endsAt.getTime()));
    const resetSeconds = Math.max(1, Math.ceil((end - this.#limiter.now().getTime()) / 1000));
    this.allowance = { limit, remaining: Math.max(0, limit - fullest), resetSeconds };
    if (fullest <= limit) return;
    const details = `at most ${limit} requests in ${windowSeconds / 60} minutes: try again in ${resetSeconds} s`;
    throw new AppError("rate_limited", details, { data: { retryAfter: resetSeconds } });
  }
}
