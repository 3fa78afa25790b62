/** The source of the current time. It is injected everywhere, so that tests can set the time. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/**
 * Starts to measure a time and returns a function that returns its milliseconds, by the monotonic clock or the wall clock,
 * whichever is more: the monotonic clock stops while a machine sleeps, and the wall clock may be set back.
 */
export function startAge(): () => number {
  const monotonic = performance.now();
  const wall = Date.now();
  return () => Math.max(performance.now() - monotonic, Date.now() - wall);
}
