const intervalMs = 20;

/** Measures how long the event loop of this process is blocked. */
export class Heartbeat {
  #last = performance.now();
  #longest = 0;
  readonly #timer = setInterval(() => this.#beat(), intervalMs);

  #beat(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last - intervalMs);
    this.#last = now;
  }

  /** Stops measuring, and returns the longest delay in milliseconds. */
  stop(): number {
    this.#beat();
    clearInterval(this.#timer);
    return this.#longest;
  }
}
