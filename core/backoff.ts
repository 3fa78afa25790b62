/** The longest pause between two attempts, unless `retryIntervalMs` is longer. */
const maxPauseMs = 60 * 60 * 1000;
/** Spreads the retries of deliveries that failed together. Svix uses the same share. */
const jitter = 0.2;

/**
 * Returns the pause before the next attempt, in milliseconds, after `failures` failed attempts (1, 2, …). The first pause
 * is `retryIntervalMs`. Each further failure doubles it, up to an hour. All pauses vary by ±20 %. `random` returns 0 to 1.
 */
export function pauseAfter(failures: number, retryIntervalMs: number, random: () => number = Math.random): number {
  const doubled = retryIntervalMs * 2 ** Math.min(failures - 1, 30);
  const pause = Math.min(doubled, Math.max(maxPauseMs, retryIntervalMs));
  return Math.round(pause * (1 + jitter * (2 * random() - 1)));
}
