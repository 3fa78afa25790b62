/** The longest pause between two tries, unless the instance itself asks for longer ones. */
const maxPauseMs = 60 * 60 * 1000;
/** As Svix: spreads the tries of deliveries that failed together. */
const jitter = 0.2;

/**
 * Milliseconds until the next try, after `failed` tries (1, 2, …): `retryInterval` after the first, doubled after each
 * further one up to an hour, give or take 20 %. `random` answers 0 to 1.
 */
export function pauseAfter(failed: number, retryInterval: number, random: () => number = Math.random): number {
  const doubled = retryInterval * 2 ** Math.min(failed - 1, 30);
  const pause = Math.min(doubled, Math.max(maxPauseMs, retryInterval));
  return Math.round(pause * (1 + jitter * (2 * random() - 1)));
}
