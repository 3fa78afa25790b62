import type { Grant } from "../../core/shard/lease.ts";

/**
 * A lease as its holder sees it. It ends by the monotonic or the wall clock, whichever is earlier: the monotonic clock stops while a
 * laptop sleeps, and the wall clock may be set back.
 */
export class Lease {
  readonly grant: Grant;
  #monotonicEnd = 0;
  #wallEnd = 0;
  #lost = false;

  constructor(grant: Grant) {
    this.grant = grant;
  }

  /** `asked` is a time before the request: the database counts from a later moment. */
  prolong(asked: { monotonic: number; wall: number }, leaseMs: number): void {
    this.#monotonicEnd = asked.monotonic + leaseMs;
    this.#wallEnd = asked.wall + leaseMs;
  }

  /** Marks the lease as lost for good. */
  lose(): void {
    this.#lost = true;
  }

  /** Check this before any I/O that needs the lease. */
  get held(): boolean {
    return !this.#lost && performance.now() < this.#monotonicEnd && Date.now() < this.#wallEnd;
  }
}

/** Returns the current time by both clocks, for `prolong`. */
export function leaseTime(): { monotonic: number; wall: number } {
  return { monotonic: performance.now(), wall: Date.now() };
}
