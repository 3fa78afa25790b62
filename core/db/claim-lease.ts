import { randomUUID } from "node:crypto";
import type postgres from "postgres";
import type { Logger } from "../log.ts";
import type { Database } from "./index.ts";

/** How long a lease is valid after its last renewal, in milliseconds. */
export const claimLeaseMs = 10_000;
/** How often a process renews the leases of its running work, in milliseconds. */
const renewMs = 3_000;
/**
 * How much earlier a lease ends for its holder than in the database, in milliseconds. Covers clock drift and network
 * latency.
 */
const marginMs = 2_000;

/**
 * A lease as its holder sees it. The lease expires by the monotonic clock or the wall clock, whichever is earlier: the
 * monotonic clock stops while a machine sleeps, and the wall clock may be set back.
 */
export class ClaimLease {
  readonly id = randomUUID();
  #monotonicEnd = 0;
  #wallEnd = 0;

  /** Extends the lease from `requestedAt`, a time before the request to the database. */
  extend(requestedAt: Moment): void {
    this.#monotonicEnd = requestedAt.monotonic + claimLeaseMs - marginMs;
    this.#wallEnd = requestedAt.wall + claimLeaseMs - marginMs;
  }

  /** Ends the lease for its holder. */
  lose(): void {
    this.#monotonicEnd = 0;
  }

  /** Whether the lease is valid. Check this before work whose result only a holder may write. */
  get held(): boolean {
    return this.remainingMs > 0;
  }

  get remainingMs(): number {
    return Math.min(this.#monotonicEnd - performance.now(), this.#wallEnd - Date.now());
  }
}

interface Moment {
  monotonic: number;
  wall: number;
}

const now = (): Moment => ({ monotonic: performance.now(), wall: Date.now() });

export interface ClaimsDeps {
  db: Database;
  log: Logger;
  /** See `PROCESS_PLACE`. */
  place?: string | undefined;
}

/**
 * The leases of a process. Each run of work has its own lease, so that a run can't write results for a claim that
 * another run of the same process has taken over. No timer runs between runs, because Lambda freezes idle functions.
 */
export class Claims {
  readonly #deps: ClaimsDeps;
  readonly #running = new Set<ClaimLease>();
  /** Leases of finished runs, which later runs use again. */
  readonly #idle: ClaimLease[] = [];
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;

  constructor(deps: ClaimsDeps) {
    this.#deps = deps;
  }

  /**
   * Runs `work` under a lease, which is renewed until `work` settles. If `work` throws, or if the lease has expired,
   * the lease ends with it, so that claims that `work` did not release are free at once.
   */
  async hold<Result>(work: (lease: ClaimLease) => Promise<Result>): Promise<Result> {
    const lease = await this.#take();
    this.#running.add(lease);
    this.#timer ??= setInterval(() => this.#renewRunning(), renewMs).unref();
    let succeeded = false;
    try {
      const result = await work(lease);
      succeeded = true;
      return result;
    } finally {
      this.#running.delete(lease);
      if (this.#running.size === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
      if (succeeded && lease.held) this.#idle.push(lease);
      else await this.#end(lease);
    }
  }

  async #take(): Promise<ClaimLease> {
    const idle = this.#idle.pop();
    if (idle && idle.remainingMs > claimLeaseMs - marginMs - renewMs) return idle;
    if (idle) await this.#renew([idle]);
    if (idle?.held) return idle;
    const lease = new ClaimLease();
    const requestedAt = now();
    const { db, place = null } = this.#deps;
    await db.sql`
      insert into claim_leases (id, place, until)
      values (${lease.id}, ${place}, clock_timestamp() + ${claimLeaseMs} * interval '1 ms')`;
    lease.extend(requestedAt);
    return lease;
  }

  #renewRunning(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#renew([...this.#running])
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, "the leases of claims could not be renewed"))
      .finally(() => {
        this.#renewing = false;
      });
  }

  async #renew(leases: readonly ClaimLease[]): Promise<void> {
    const requestedAt = now();
    const ids = leases.map((lease) => lease.id);
    const rows = await this.#deps.db.sql<{ id: string }[]>`
      update claim_leases set until = clock_timestamp() + ${claimLeaseMs} * interval '1 ms'
      where id = any(${ids}::uuid[]) and until > clock_timestamp() returning id`;
    const renewed = new Set(rows.map((row) => row.id));
    for (const lease of leases) {
      if (renewed.has(lease.id)) lease.extend(requestedAt);
      else lease.lose();
    }
  }

  /** Ends a lease. If the database is unavailable, the lease expires instead. */
  async #end(lease: ClaimLease): Promise<void> {
    lease.lose();
    await this.#deps.db.sql`delete from claim_leases where id = ${lease.id}`.catch((error: unknown) =>
      this.#deps.log.warn({ err: error }, "the lease of claims could not be ended and expires"),
    );
  }
}

/** An SQL condition: the row has a claim, and the lease of the claim has ended. `claimedBy` is the column of the claim. */
export const claimHasEnded = (sql: postgres.ISql, claimedBy: postgres.PendingQuery<postgres.Row[]>) => sql`
  (${claimedBy} is not null and not exists (
    select from claim_leases where claim_leases.id = ${claimedBy} and claim_leases.until > clock_timestamp()))`;

/**
 * An SQL condition: the lease is valid. Every statement that claims work checks it, because the holder may not know yet
 * that its lease has ended.
 */
export const leaseHolds = (sql: postgres.ISql, lease: ClaimLease) => sql`
  exists (select from claim_leases where claim_leases.id = ${lease.id} and claim_leases.until > clock_timestamp())`;

/** Ends the leases of all earlier processes of a place. Call this only while no such process can run. */
export async function endLeasesOf(db: Database, place: string): Promise<void> {
  await db.sql`delete from claim_leases where place = ${place}`;
}
