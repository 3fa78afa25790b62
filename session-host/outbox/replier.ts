import { type ReplyDeps, sendReplies } from "../../core/ingress/outbox.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller } from "../concurrency/poller.ts";

/** Finds replies that another process left, such as that of a canceled command. */
const pollMs = 1_000;
/** Another process was sending replies. It may have started before the newest reply was there. */
const busyMs = 100;
/** Pause before the next attempt to send to a queue that failed. */
const failingMs = 30_000;

/** Returns a poller that sends the replies of a shard to the queues that their senders named, at least once. */
export function replier(deps: ReplyDeps & { lease: Lease }): Poller {
  const { log, lease } = deps;
  /** Until when each failed queue is left alone. */
  const failing = new Map<string, number>();
  return new Poller(() => sendAll(deps, lease.grant.shard, failing), {
    active: () => lease.held,
    onError: (error) =>
      log.warn({ err: error, shard: lease.grant.shard }, "replies could not be sent and stay in the database"),
  });
}

/** Returns how many milliseconds to wait before the next run. */
async function sendAll(deps: ReplyDeps, shard: number, failing: Map<string, number>): Promise<number> {
  for (;;) {
    const now = performance.now();
    for (const [queue, until] of failing) if (until <= now) failing.delete(queue);
    const sent = await sendReplies(deps, { shard, except: [...failing.keys()] });
    for (const queue of sent.failing) failing.set(queue, now + failingMs);
    if (sent.busy) return busyMs;
    if (!sent.more && sent.failing.length === 0) return pollMs;
  }
}
