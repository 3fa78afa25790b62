import type { Grant } from "../../core/shard/lease.ts";

/**
 * A lease as its holder sees it. Time is taken twice, from the monotonic and from the wall clock, and the more pessimistic
 * counts: the monotonic one stands still while a laptop sleeps, the wall clock may be set back.
 */
export class Lease {
  readonly grant: Grant;
  #monotonicEnd = 0;
  #wallEnd = 0;
  #lost = false;

  constructor(grant: Grant) {
    this.grant = grant;
  }

  /** `asked` is when the grant was asked for: the database counted from some time after that. */
  prolong(asked: { monotonic: number; wall: number }, leaseMs: number): void {
    this.#monotonicEnd = asked.monotonic + leaseMs;
    this.#wallEnd = asked.wall + leaseMs;
  }

  /** Says once and for all that it is gone. */
  lose(): void {
    this.#lost = true;
  }

  /** To be asked before any I/O that the lease is for. */
  get held(): boolean {
    return !this.#lost && performance.now() < this.#monotonicEnd && Date.now() < this.#wallEnd;
  }
}

export function leaseTime(): { monotonic: number; wall: number } {
  return { monotonic: performance.now(), wall: Date.now() };
}
