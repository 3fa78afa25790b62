import type { SignalRepositoryWithLIDStore } from "@whiskeysockets/baileys";

/** How many entries a session keeps. A pair of a LID and a number has two. */
export const maxLidEntries = 1_000;

/**
 * The most recently used pairs of LIDs and numbers of a session. Baileys' own cache has no bound, and a timer for each
 * entry: 3,000 contacts take 2.7 MB of heap (7.0.0-rc14, Signal/lid-mapping.js). Pairs that are not cached are read from
 * the key store.
 */
export class LidCache {
  readonly #entries = new Map<string, string>();
  #isTrimming = false;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): string | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  /**
   * Adds an entry. Removes old entries only when the current work has ended, because Baileys adds what it has read for
   * thousands of people, and then reads all of it from the cache, without waiting in between.
   */
  set(key: string, value: string): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#isTrimming || this.#entries.size <= maxLidEntries) return;
    this.#isTrimming = true;
    queueMicrotask(() => this.#trim());
  }

  clear(): void {
    this.#entries.clear();
  }

  #trim(): void {
    this.#isTrimming = false;
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= maxLidEntries) return;
      this.#entries.delete(key);
    }
  }
}

/** Gives a session's LID store a cache with a bound. Baileys has no option for it. Returns the cache. */
export function boundLidCache({ lidMapping }: Pick<SignalRepositoryWithLIDStore, "lidMapping">): LidCache {
  if (!("mappingCache" in lidMapping)) throw new Error("Baileys' LID store has no mappingCache any more");
  const mappingCache = new LidCache();
  // Stops the timers of the entries.
  lidMapping.close();
  Object.assign(lidMapping, { mappingCache });
  return mappingCache;
}
