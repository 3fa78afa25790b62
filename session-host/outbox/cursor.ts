import type { Barrier } from "../../core/event-stream/read.ts";

/**
 * The position in the log up to which each event of a lane has left the outbox. The relay reads from here, because the
 * index still has the entries of sent events until a vacuum removes them, which a long snapshot prevents.
 *
 * Positions become visible out of order, so the cursor moves in two steps. A recording of sent events gives a barrier:
 * each transaction that may append an event with a smaller position than the sent ones had its id before the recording.
 * When a read begins after all of these have ended, it sees all events up to the barrier.
 */
export class Cursor {
  #position = 0;
  #next: Barrier | undefined;
  #latest: Barrier | undefined;

  get position(): number {
    return this.#position;
  }

  /** Whether sent events were recorded that the cursor has not passed. */
  get waits(): boolean {
    return this.#next !== undefined;
  }

  /** Notes that the transaction `xid` began after an event with this position was in the log. */
  note(position: number, xid: bigint): void {
    this.#latest = { position, xid };
    this.#next ??= this.#latest;
  }

  /**
   * Moves on after a read that found no event of the lane after the cursor in the outbox. All transactions before `xmin` had
   * ended when the read began.
   */
  passed(xmin: bigint): void {
    if (!this.#next || xmin < this.#next.xid) return;
    this.#position = Math.max(this.#position, this.#next.position);
    this.#next = this.#latest === this.#next ? undefined : this.#latest;
    this.#latest = this.#next;
  }
}
