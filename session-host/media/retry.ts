import type { Database } from "../../core/db/index.ts";
import type { MediaRetry, MessageMedia } from "../../core/message/message.sql.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Pauses before the tries after a failed one, in milliseconds: about 24 hours. Then the file counts as lost. */
export const retryPausesMs: readonly number[] = [
  2_000,
  10_000,
  30_000,
  2 * minuteMs,
  10 * minuteMs,
  30 * minuteMs,
  ...Array<number>(23).fill(hourMs),
];

/**
 * Returns when to try a file again after a failed try, or undefined after the last try. A try on request, before its
 * time, does not count.
 */
export function nextTry(last: MediaRetry | undefined, now: Date): MediaRetry | undefined {
  const triedAt = now.toISOString();
  if (last && Date.parse(last.nextTryAt) > now.getTime())
    return { tries: last.tries, triedAt, nextTryAt: last.nextTryAt };
  const tries = (last?.tries ?? 0) + 1;
  const pauseMs = retryPausesMs[tries - 1];
  if (pauseMs === undefined) return undefined;
  return { tries, triedAt, nextTryAt: new Date(now.getTime() + pauseMs).toISOString() };
}

/** Returns the state of a file without its failed tries. */
export function withoutRetry({ retry: _, ...media }: MessageMedia): MessageMedia {
  return media;
}

/** The condition for messages whose file can be fetched now. */
export const fileIsDue = (sql: Database["sql"], now: Date) => sql`(media->>'state' = 'pending' and (
  media->'retry' is null or (media->'retry'->>'nextTryAt')::timestamptz <= ${now.toISOString()}::timestamptz
  or media->'retry'->'requested' = 'true'))`;
