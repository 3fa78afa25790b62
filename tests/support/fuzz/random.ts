import { randomOf } from "../random.ts";

/** Choices that depend only on a seed. */
export class Choices {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = randomOf(seed);
  }

  /** Returns an integer from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Value>(values: readonly [Value, ...Value[]]): Value {
    return values[this.int(values.length)] ?? values[0];
  }

  /** Picks from a list that may be empty. */
  some<Value>(values: readonly Value[]): Value | undefined {
    return values[this.int(values.length)];
  }
}
