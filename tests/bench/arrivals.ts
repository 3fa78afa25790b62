import { now } from "./clock.ts";

interface Arrival {
  at: number;
  copies: number;
}

/** Which texts have come to where they should, and when. A text is its own name: no two are the same. */
export class Arrivals {
  readonly #seen = new Map<string, Arrival>();
  readonly #waiting = new Map<string, () => void>();
  #lastAt = now();

  /** @param at milliseconds of `now()`. */
  see(text: string, at: number): void {
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

  /** Resolves when the text is there. */
  wait(text: string): Promise<void> {
    if (this.#seen.has(text)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(text, resolve));
  }

  /** When it came, or undefined. */
  at(text: string): number | undefined {
    return this.#seen.get(text)?.at;
  }

  copies(text: string): number {
    return this.#seen.get(text)?.copies ?? 0;
  }

  /** When anything came last. */
  get lastAt(): number {
    return this.#lastAt;
  }
}
