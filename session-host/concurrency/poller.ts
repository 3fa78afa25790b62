/** For work that throws, in milliseconds. */
const retryMs = 1_000;

/**
 * Has a piece of work done again and again: at once when there is something new, else after the pause that it asked for. It is
 * never done twice at a time, and ends when its lease is lost.
 */
export class Poller {
  readonly #work: () => Promise<number>;
  readonly #goesOn: () => boolean;
  readonly #failed: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #pending = false;
  #wake: () => void = () => undefined;

  /** `work` answers how many milliseconds it can wait; `failed` hears what it throws. */
  constructor(work: () => Promise<number>, options: { goesOn: () => boolean; failed: (error: unknown) => void }) {
    this.#work = work;
    this.#goesOn = options.goesOn;
    this.#failed = options.failed;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** There is something new. */
  nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Has it done once more, then ends. */
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
        this.#failed(error);
        // What was new meanwhile would fail as well.
        this.#pending = false;
        return retryMs;
      });
      if (last || !this.#goesOn()) return;
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
