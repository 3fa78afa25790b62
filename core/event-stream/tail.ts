import { responseBytes } from "../page.ts";
import type { PlacedRow } from "./read.ts";

/** The newest events of the watched instances, so that all streams of a process share one read of them. */
export class Tail {
  readonly #maxBytes: number;
  /** The stored events by instance, without gaps, oldest first. */
  readonly #rows = new Map<string, { row: PlacedRow; bytes: number }[]>();
  /** All stored events, oldest first. */
  #order: { id: string; bytes: number }[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds the next events of their instances. Drops the oldest events if there are too many. */
  add(rows: readonly PlacedRow[]): void {
    for (const row of rows) {
      const bytes = responseBytes(JSON.stringify(row.data)) + 500;
      const of = this.#rows.get(row.instance_id) ?? [];
      this.#rows.set(row.instance_id, of);
      of.push({ row, bytes });
      this.#order.push({ id: row.instance_id, bytes });
      this.#bytes += bytes;
    }
    let dropped = 0;
    for (const { id, bytes } of this.#order) {
      if (this.#bytes <= this.#maxBytes) break;
      const of = this.#rows.get(id);
      of?.shift();
      if (of?.length === 0) this.#rows.delete(id);
      this.#bytes -= bytes;
      dropped++;
    }
    if (dropped > 0) this.#order = this.#order.slice(dropped);
  }

  /** Returns the events after `after` and up to `upTo`. Undefined if not all of them are stored here. */
  between(id: string, after: number, upTo: number): PlacedRow[] | undefined {
    const of = this.#rows.get(id) ?? [];
    const first = of[0]?.row.seq ?? Number.POSITIVE_INFINITY;
    const last = of.at(-1)?.row.seq ?? 0;
    if (first > after + 1 || last < upTo) return undefined;
    const begin = of.findLastIndex(({ row }) => row.seq <= after) + 1;
    const end = of.findLastIndex(({ row }) => row.seq <= upTo) + 1;
    return of.slice(begin, end).map(({ row }) => row);
  }

  /** Drops the events of instances that nobody watches anymore. */
  keep(ids: ReadonlySet<string> | ReadonlyMap<string, unknown>): void {
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    this.#order = this.#order.filter(({ id }) => ids.has(id));
    this.#bytes = this.#order.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
