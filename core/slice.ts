import { setImmediate as nextTurn } from "node:timers/promises";

/** The longest time, in milliseconds, that a slice of long work runs before other work gets a turn. */
const sliceMs = 20;

/**
 * Splits long synchronous work into slices. Call `turn` between two small steps: once a slice has run for 20 ms, `turn`
 * waits until the event loop has served other work.
 */
export class Slices {
  #startedAt = performance.now();

  async turn(): Promise<void> {
    if (performance.now() - this.#startedAt < sliceMs) return;
    await nextTurn();
    this.#startedAt = performance.now();
  }
}
