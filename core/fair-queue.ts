/** The items of one owner. Those before `next` were taken. */
interface Line<Item> {
  items: (Item | undefined)[];
  next: number;
}

/**
 * Items of several owners that wait. Owners take turns, so that one with many items delays the others by one item each. The
 * items of one owner keep their order.
 */
export class FairQueue<Item> {
  /** The waiting items of each owner. The owner whose turn is next is the first. */
  readonly #waiting = new Map<string, Line<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(owner: string, item: Item): void {
    const waiting = this.#waiting.get(owner);
    if (waiting) waiting.items.push(item);
    else this.#waiting.set(owner, { items: [item], next: 0 });
    this.#size++;
  }

  /** Removes the next items, up to `max`. Stops before an item, but not the first one, that doesn't fit. */
  take(max: number, fits: (item: Item) => boolean = () => true): Item[] {
    const taken: Item[] = [];
    // An owner that is added again at its end is visited again.
    for (const [owner, line] of this.#waiting) {
      const item = line.items[line.next];
      if (item === undefined || taken.length >= max) break;
      const isFitting = fits(item);
      if (taken.length > 0 && !isFitting) break;
      taken.push(item);
      this.#waiting.delete(owner);
      if (advance(line)) this.#waiting.set(owner, line);
    }
    this.#size -= taken.length;
    return taken;
  }
}

/** Moves to the next item of a line. Returns false if there is none. */
function advance(line: Line<unknown>): boolean {
  line.items[line.next] = undefined;
  line.next++;
  // Moving the rest for every item, as `shift` does, would take long with tens of thousands of items.
  if (line.next >= 1_000 && line.next * 2 >= line.items.length) {
    line.items.splice(0, line.next);
    line.next = 0;
  }
  return line.next < line.items.length;
}
