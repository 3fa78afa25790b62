import { now } from "./clock.ts";

interface Arrival {
  at: number;
  copies: number;
}

/** Records which texts arrived at their destination, when and how often. Each text is unique. */
export class Arrivals {
  readonly #seen = new Map<string, Arrival>();
  readonly #waiting = new Map<string, () => void>();
  #lastAt = now();

  /** Records an arrival at `at`, in milliseconds of `now()`. */
  record(text: string, at: number): void {
    this.#lastAt = now();
    const known = this.#seen.get(text);
    if (known) {
      known.copies++;
      return;
    }
    this.#seen.set(text, { at, copies: 1 });
    this.#waiting.get(text)?.();
    this.#waiting.delete(text);
  }

  /** Resolves when the text has arrived. */
  wait(text: string): Promise<void> {
    if (this.#seen.has(text)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(text, resolve));
  }

  /** Returns when the text first arrived, or undefined. */
  at(text: string): number | undefined {
    return this.#seen.get(text)?.at;
  }

  copies(text: string): number {
    return this.#seen.get(text)?.copies ?? 0;
  }

  /** When the last text arrived. */
  get lastAt(): number {
    return this.#lastAt;
  }
}
