/**
 * Items of several owners that wait. Owners take turns, so that one with many items delays the others by one item each. The
 * items of one owner keep their order.
 */
export class FairQueue<Item> {
  /** The waiting items of each owner. The owner whose turn is next is the first. */
  readonly #waiting = new Map<string, Item[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(owner: string, item: Item): void {
    const waiting = this.#waiting.get(owner);
    if (waiting) waiting.push(item);
    else this.#waiting.set(owner, [item]);
    this.#size++;
  }

  /** Removes the next items, up to `max`. Stops before an item, but not the first one, that doesn't fit. */
  take(max: number, fits: (item: Item) => boolean = () => true): Item[] {
    const taken: Item[] = [];
    // An owner that is added again at its end is visited again.
    for (const [owner, waiting] of this.#waiting) {
      const [item] = waiting;
      if (item === undefined || taken.length >= max) break;
      const isFitting = fits(item);
      if (taken.length > 0 && !isFitting) break;
      taken.push(item);
      waiting.shift();
      this.#waiting.delete(owner);
      if (waiting.length > 0) this.#waiting.set(owner, waiting);
    }
    this.#size -= taken.length;
    return taken;
  }
}
