import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log.ts";
import type { Queues } from "./index.ts";
import { retrySeconds } from "./name.ts";

/**
 * Seconds until the messages of a dead consumer become visible again. A dead consumer's messages hide all later ones of
 * their FIFO groups. Even if the consumer dies right before a renewal, the time is not shorter than `claimLeaseMs`, so
 * that the next consumer also finds the claims of the dead consumer free.
 */
const hiddenSeconds = 12;
/** How often the time is renewed, in milliseconds. */
const renewMs = 2_000;

/** A received message, as Lambda passes it to a function. */
export interface ReceivedMessage {
  receiptHandle: string;
  attributes: { ApproximateReceiveCount: string };
}

/**
 * Runs `work` on received messages and keeps the messages hidden, but only as long as this process lives. The
 * visibility timeout of a queue must be longer than the timeout of its Lambda function (AWS recommends six times as
 * long), so without this, the messages of a killed function would be hidden for minutes.
 *
 * `work` returns the messages that failed. They become visible again after a pause that depends on how often they were
 * received. All get the longest pause, so that they keep their order. If SQS is not available, the visibility timeout
 * applies.
 */
export async function whileHidden<Message extends ReceivedMessage>(
  { queues, log }: { queues: Pick<Queues, "hide">; log: Logger },
  queue: string,
  messages: readonly Message[],
  work: () => Promise<readonly Message[]>,
): Promise<readonly Message[]> {
  const stop = new AbortController();
  const hide = async (received: readonly Message[], seconds: number, signal?: AbortSignal) => {
    const handles = received.map((message) => message.receiptHandle);
    await queues.hide(queue, handles, seconds, signal).catch((error: unknown) => {
      if (!signal?.aborted) log.warn({ err: error, queue }, "the visibility of messages could not be changed");
    });
  };
  const renewing = (async () => {
    while (!stop.signal.aborted) {
      await hide(messages, hiddenSeconds, stop.signal);
      // Rejects only when the signal aborts.
      await sleep(renewMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  let failed = messages;
  try {
    failed = await work();
    return failed;
  } finally {
    stop.abort();
    await renewing;
    const counts = failed.map((message) => Number(message.attributes.ApproximateReceiveCount));
    if (failed.length > 0) await hide(failed, retrySeconds(Math.max(...counts)));
  }
}
