import { type ReplyDeps, sendReplies } from "../../core/ingress/outbox.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller, untilNudged } from "../concurrency/poller.ts";

/**
 * Delay if another process is sending replies. It may have started before the newest reply was stored. Milliseconds.
 */
const busyMs = 100;
/** Delay until the next attempt to send to a queue that failed. Milliseconds. */
const failingMs = 30_000;

/**
 * Returns a poller that sends the replies of a shard to the queues that their senders named, at least once. `WorkSearch`
 * nudges it when another process has stored replies, such as those of canceled commands.
 */
export function replier(deps: ReplyDeps & { lease: Lease }): Poller {
  const { log, lease } = deps;
  /** When each failed queue may be tried again, as `performance.now()`. */
  const retryAt = new Map<string, number>();
  return new Poller(() => sendAll(deps, lease.grant.shard, retryAt), {
    name: "replies",
    active: () => lease.held,
    onError: (error) =>
      log.warn({ err: error, shard: lease.grant.shard }, "replies could not be sent and stay in the database"),
  });
}

/** Returns the delay until the next run in milliseconds. */
async function sendAll(deps: ReplyDeps, shard: number, retryAt: Map<string, number>): Promise<number> {
  for (;;) {
    const now = performance.now();
    for (const [queue, time] of retryAt) if (time <= now) retryAt.delete(queue);
    const sent = await sendReplies(deps, { shard, except: [...retryAt.keys()] });
    for (const queue of sent.failing) retryAt.set(queue, now + failingMs);
    if (sent.busy) return busyMs;
    if (!sent.more && sent.failing.length === 0) return untilNudged;
  }
}
