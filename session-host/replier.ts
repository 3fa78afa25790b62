import { type ReplyDeps, sendReplies } from "../core/ingress/outbox.ts";
import type { Lease } from "./lease.ts";

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
  #running: Promise<void> | undefined;
  #stopped = false;
  #pending = false;
  #wake: () => void = () => undefined;

  constructor(deps: ReplyDeps & { lease: Lease }) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** There are new replies. */
  nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Sends what is there, then ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    for (;;) {
      const last = this.#stopped;
      this.#pending = false;
      const pauseMs = await this.#send().catch((error: unknown) => {
        this.#deps.log.warn({ err: error, shard: this.#deps.lease.grant.shard }, "replies wait in the database");
        return pollMs;
      });
      if (last || !this.#deps.lease.held) return;
      await this.#pause(pauseMs);
    }
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

  async #pause(ms: number): Promise<void> {
    if (this.#pending || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
