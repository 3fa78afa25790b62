import type { RelaxableRule } from "./index.ts";

/** Which rules a simulated WhatsApp enforces: all of them, except those that a test has relaxed. */
export class Strictness {
  readonly #relaxed: Set<RelaxableRule>;

  constructor(relaxed: readonly RelaxableRule[] = []) {
    this.#relaxed = new Set(relaxed);
  }

  /** Switches a rule off. */
  relax(name: RelaxableRule): void {
    this.#relaxed.add(name);
  }

  /** Switches a rule on again. */
  restore(name: RelaxableRule): void {
    this.#relaxed.delete(name);
  }

  relaxed(name: RelaxableRule): boolean {
    return this.#relaxed.has(name);
  }
}
