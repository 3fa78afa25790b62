/** Delay after work that threw. Milliseconds. */
const retryMs = 1_000;

/**
 * Repeats a piece of work: at once after a nudge, else after the delay that the work asks for. It never runs twice at once, and
 * ends when it is no longer active.
 */
export class Poller {
  readonly #work: () => Promise<number>;
  readonly #active: () => boolean;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #pending = false;
  #wake: () => void = () => undefined;

  /** `work` returns how many milliseconds the next run can wait; `onError` gets what it throws. */
  constructor(work: () => Promise<number>, options: { active: () => boolean; onError: (error: unknown) => void }) {
    this.#work = work;
    this.#active = options.active;
    this.#onError = options.onError;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** Announces new work. */
  nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Runs the work once more, then ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    for (;;) {
      const last = this.#stopped;
      this.#pending = false;
      const pauseMs = await this.#work().catch((error: unknown) => {
        this.#onError(error);
        // Work that was announced meanwhile would fail as well.
        this.#pending = false;
        return retryMs;
      });
      if (last || !this.#active()) return;
      if (!this.#pending && !this.#stopped) await this.#pause(pauseMs);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
