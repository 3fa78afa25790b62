/** The longest pause between two attempts, unless the configured interval is longer. */
const maxPauseMs = 60 * 60 * 1000;
/** Spreads the retries of deliveries that failed together. Svix uses the same share. */
const jitter = 0.2;

/**
 * Returns the milliseconds until the next attempt, after `failed` attempts (1, 2, …): `retryInterval` after the first,
 * doubled after each further one up to an hour, ±20 %. `random` returns 0 to 1.
 */
export function pauseAfter(failed: number, retryInterval: number, random: () => number = Math.random): number {
  const doubled = retryInterval * 2 ** Math.min(failed - 1, 30);
  const pause = Math.min(doubled, Math.max(maxPauseMs, retryInterval));
  return Math.round(pause * (1 + jitter * (2 * random() - 1)));
}
