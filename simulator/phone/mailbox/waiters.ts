type Waiter<T> = { matches: (value: T) => boolean; resolve: (value: T) => void };

/** Promises that wait for a matching value, each with a timeout. */
export class Waiters<T> {
  readonly #waiting = new Set<Waiter<T>>();

  /** Resolves the promises whose condition the value matches. */
  offer(value: T): void {
    for (const waiter of this.#waiting) if (waiter.matches(value)) waiter.resolve(value);
  }

  /** Resolves with the first offered value that matches. Rejects after `timeoutMs` with the text of `problem`. */
  wait(matches: (value: T) => boolean, timeoutMs: number, problem: () => string): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        matches,
        resolve: (value) => {
          clearTimeout(timer);
          this.#waiting.delete(waiter);
          resolve(value);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(new Error(problem()));
      }, timeoutMs);
      this.#waiting.add(waiter);
    });
  }
}
