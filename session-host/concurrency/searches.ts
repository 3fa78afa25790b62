import { Limiter } from "./limiter.ts";

/**
 * Maximum number of searches of one name that a host runs at once. Bounds how many connections to the database a search
 * takes that hangs in all shards.
 */
const maxAtOnce = 2;

/** The places for searches of a host, by name. Its shards share them. */
export class SearchPlaces {
  readonly #byName = new Map<string, Limiter>();

  of(name: string): Limiter {
    const known = this.#byName.get(name);
    if (known) return known;
    const places = new Limiter(maxAtOnce);
    this.#byName.set(name, places);
    return places;
  }
}

/**
 * Runs the named searches of a shard. Each runs at most once at a time, so that a search that hangs delays only itself. A
 * search that failed runs again at the next call, even if nothing is due then.
 */
export class Searches {
  readonly #running = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #places: SearchPlaces;
  readonly #onError: (error: unknown) => void;

  constructor(places: SearchPlaces, onError: (error: unknown) => void) {
    this.#places = places;
    this.#onError = onError;
  }

  /** Starts a search if it is due and not running. */
  run(name: string, isDue: boolean, search: () => Promise<unknown>): void {
    if (this.#running.has(name) || !(isDue || this.#failed.has(name))) return;
    this.#running.add(name);
    this.#failed.delete(name);
    this.#inPlace(name, search)
      .catch((error: unknown) => {
        this.#failed.add(name);
        this.#onError(error);
      })
      .finally(() => this.#running.delete(name));
  }

  async #inPlace(name: string, search: () => Promise<unknown>): Promise<void> {
    const leave = await this.#places.of(name).enter();
    try {
      await search();
    } finally {
      leave();
    }
  }
}
