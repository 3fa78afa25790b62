import { type ReplyDeps, sendReplies } from "../../core/ingress/outbox.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller } from "../concurrency/poller.ts";

/** Finds what another process left: a command that was canceled or given up. */
const pollMs = 1_000;
/** Another process was at it: it may have looked before the newest was there. */
const busyMs = 100;
/** A queue that takes nothing is left alone for so long. */
const failingMs = 30_000;

/** Brings the replies of a shard from the database to the queues that their senders named, at least once. */
export class Replier {
  readonly #deps: ReplyDeps & { lease: Lease };
  readonly #failing = new Map<string, number>();
  readonly #poller: Poller;

  constructor(deps: ReplyDeps & { lease: Lease }) {
    this.#deps = deps;
    const { log, lease } = deps;
    this.#poller = new Poller(() => this.#send(), {
      goesOn: () => lease.held,
      failed: (error) => log.warn({ err: error, shard: lease.grant.shard }, "replies wait in the database"),
    });
  }

  start(): void {
    this.#poller.start();
  }

  /** There are new replies. */
  nudge(): void {
    this.#poller.nudge();
  }

  /** Sends what is there, then ends. */
  stop(): Promise<void> {
    return this.#poller.stop();
  }

  /** Answers how long to wait. */
  async #send(): Promise<number> {
    for (;;) {
      const now = performance.now();
      for (const [queue, until] of this.#failing) if (until <= now) this.#failing.delete(queue);
      const { shard } = this.#deps.lease.grant;
      const { busy, more, failing } = await sendReplies(this.#deps, { shard, except: [...this.#failing.keys()] });
      for (const queue of failing) this.#failing.set(queue, now + failingMs);
      if (busy) return busyMs;
      if (!more && failing.length === 0) return pollMs;
    }
  }
}
