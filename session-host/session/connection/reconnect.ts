import { backoff, type Verdict } from "./disconnect.ts";

/** The longest time for a timer of Node.js is 24 days. */
const longestTimerMs = 24 * 60 * 60_000;

/** Opens a session's connection again after a pause. */
export class Reconnect {
  readonly #open: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Number of connections lost in a row. */
  #losses = 0;

  constructor(open: () => void) {
    this.#open = open;
  }

  /** Starts with the shortest pause again. */
  reset(): void {
    this.#losses = 0;
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  at(pace: Exclude<Verdict["reconnect"], "never">): void {
    this.#in(pace === "now" ? 0 : backoff(this.#losses++, pace));
  }

  /** Opens the connection after the end of a ban, not exactly at its end, because many accounts can have the same end. */
  afterBan(until: Date): void {
    this.#in(until.getTime() - Date.now() + backoff(0));
  }

  /** If the time is too long for a timer, `open` notices that the ban has not ended. */
  #in(delayMs: number): void {
    this.cancel();
    this.#timer = setTimeout(this.#open, Math.min(delayMs, longestTimerMs));
  }
}
