import { FairQueue } from "./fair-queue.ts";

interface Waiting<Item> {
  item: Item;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Handles items that arrive at the same time in one call. One call is in progress at a time, and the next one gets the
 * items that have arrived meanwhile, in order. A single item never waits for others. If more wait than a call handles, their
 * owners take turns.
 */
export class MicroBatch<Item> {
  readonly #handle: (items: Item[]) => Promise<void>;
  readonly #max: number;
  readonly #waiting = new FairQueue<Waiting<Item>>();
  #running = false;

  /** `handle` gets at most `max` items. */
  constructor(handle: (items: Item[]) => Promise<void>, max = Number.MAX_SAFE_INTEGER) {
    this.#handle = handle;
    this.#max = max;
  }

  /** Resolves when the call with the item has ended. Rejects with its error. */
  add(item: Item, owner = ""): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(owner, { item, resolve, reject });
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.size > 0) {
      const batch = this.#waiting.take(this.#max);
      try {
        await this.#handle(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }
}
