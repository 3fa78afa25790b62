import { labelled } from "../../core/work.ts";

/** Delay after a run that threw, in milliseconds. */
const retryMs = 1_000;

/** The delay of work that runs again only after a nudge. */
export const untilNudged = Number.POSITIVE_INFINITY;

/**
 * Runs `work` repeatedly: immediately after a nudge, otherwise after the delay that the last run returned, which may be
 * `untilNudged`. Runs never overlap. After `stop`, ends with one last run. Also ends after a run if `active` then returns false.
 */
export class Poller {
  readonly #work: () => Promise<number>;
  readonly #active: () => boolean;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #stopped = false;
  #pending = false;
  #wake: () => void = () => undefined;

  /**
   * `work` returns the delay until the next run in milliseconds. `onError` receives what `work` throws. `name` is the
   * label of the work.
   */
  constructor(
    work: () => Promise<number>,
    options: { name: string; active: () => boolean; onError: (error: unknown) => void },
  ) {
    this.#work = () => labelled(`poller ${options.name}`, work);
    this.#active = options.active;
    this.#onError = options.onError;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** Announces new work, so that the next run starts immediately. */
  nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Runs the work one last time, then ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    for (;;) {
      const isLastRun = this.#stopped;
      this.#pending = false;
      const pauseMs = await this.#work().catch((error: unknown) => {
        this.#onError(error);
        // Work that was announced during this run would fail as well, so it also waits.
        this.#pending = false;
        return retryMs;
      });
      if (isLastRun || !this.#active()) return;
      if (!this.#pending && !this.#stopped) await this.#pause(pauseMs);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === untilNudged ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
