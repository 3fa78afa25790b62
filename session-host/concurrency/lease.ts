import type { Grant } from "../../core/shard/lease.ts";

/** One moment by both clocks, in milliseconds. */
interface LeaseTime {
  monotonic: number;
  wall: number;
}

/**
 * A lease as its holder sees it. The lease expires by the monotonic clock or the wall clock, whichever is earlier. Both
 * are needed, because the monotonic clock stops while a laptop sleeps, and the wall clock may be set back.
 */
export class Lease {
  readonly grant: Grant;
  #monotonicEnd = 0;
  #wallEnd = 0;
  #lost = false;

  constructor(grant: Grant) {
    this.grant = grant;
  }

  /**
   * Extends the lease by `leaseMs` from `requestedAt`, a time before the request to the database. The database counts
   * from a later moment, so the holder's lease never outlasts the lease in the database.
   */
  extend(requestedAt: LeaseTime, leaseMs: number): void {
    this.#monotonicEnd = requestedAt.monotonic + leaseMs;
    this.#wallEnd = requestedAt.wall + leaseMs;
  }

  /** Marks the lease as lost for good. */
  lose(): void {
    this.#lost = true;
  }

  /** Whether the lease is still valid. Check this before any I/O that needs the lease. */
  get held(): boolean {
    return !this.#lost && performance.now() < this.#monotonicEnd && Date.now() < this.#wallEnd;
  }
}

/** Returns the current time by both clocks, for `extend`. */
export function leaseTime(): LeaseTime {
  return { monotonic: performance.now(), wall: Date.now() };
}
