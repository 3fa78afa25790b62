import type { Change } from "./change.ts";
import type { RecordedChange } from "./writer.ts";

/** How long an acknowledgement or a receipt may wait for others, to share their commit. Milliseconds. */
const lingerMs = 5;

/** The fields of a change that may linger: acknowledgements, with the end of the send, and receipts. */
const patientFields = new Set(["acks", "progress", "commands", "correlationId", "stanza"]);

/** Returns whether nobody waits for the change: it reports what WhatsApp or the recipient did with messages. */
export function mayLinger(change: Change): boolean {
  if (!change.acks?.length && !change.progress?.length) return false;
  return Object.entries(change).every(([field, value]) => value === undefined || patientFields.has(field));
}

/** The changes that wait for their commit, in the order in which they were appended. */
export class WaitingLine<Entry extends RecordedChange> {
  /** `due` is when a change must be committed, as `performance.now()`. */
  #waiting: { entry: Entry; due: number }[] = [];
  #wake: (() => void) | undefined;
  /** The functions that end the waits of the lines that linger together. */
  readonly #lingering: Set<() => void>;

  constructor(lingering = new Set<() => void>()) {
    this.#lingering = lingering;
  }

  get size(): number {
    return this.#waiting.length;
  }

  push(entry: Entry): void {
    const lingers = mayLinger(entry.change);
    this.#waiting.push({ entry, due: lingers ? performance.now() + lingerMs : 0 });
    if (!lingers) this.#wake?.();
  }

  /** Makes the waiting changes of an instance due. */
  hurry(instanceId: string): void {
    const own = this.#waiting.filter(({ entry }) => entry.instanceId === instanceId);
    for (const waiting of own) waiting.due = 0;
    if (own.length > 0) this.#wake?.();
  }

  /** Resolves when a change is due, here or in a line that lingers together with this one, or none is left. */
  async due(): Promise<void> {
    const first = this.#waiting.reduce((least, { due }) => Math.min(least, due), Number.POSITIVE_INFINITY);
    const delay = first - performance.now();
    if (delay <= 0 || this.#waiting.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#lingering.add(resolve);
    const timer = setTimeout(() => {
      for (const wake of this.#lingering) wake();
    }, delay);
    await promise;
    clearTimeout(timer);
    this.#lingering.delete(resolve);
    this.#wake = undefined;
    // Changes that arrive together are committed together.
    await new Promise(setImmediate);
  }

  /**
   * Takes up to `max` changes: those that are due, with the earlier ones of the same instances, so that each instance
   * keeps its order. If no change is in a hurry, takes all, so that they share the commit.
   */
  take(max: number): Entry[] {
    const now = performance.now();
    const hurries = this.#waiting.some(({ due }) => due === 0);
    const last = new Map<string, number>();
    for (const [index, { entry, due }] of this.#waiting.entries())
      if (!hurries || due <= now) last.set(entry.instanceId, index);
    const taken: Entry[] = [];
    this.#waiting = this.#waiting.filter(({ entry }, index) => {
      if (taken.length >= max || index > (last.get(entry.instanceId) ?? -1)) return true;
      taken.push(entry);
      return false;
    });
    return taken;
  }

  /** Takes all changes. */
  clear(): Entry[] {
    const all = this.#waiting.map(({ entry }) => entry);
    this.#waiting = [];
    this.#wake?.();
    return all;
  }
}
