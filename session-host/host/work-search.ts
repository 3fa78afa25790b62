import type { Clock } from "../../core/clock.ts";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { labelled } from "../../core/work.ts";
import { pause } from "../concurrency/pause.ts";
import { type DueWork, findDueWork, type SearchedShard } from "./due-work.ts";

/** How often a host searches the database for work that other processes stored. Milliseconds. */
const searchMs = 1_500;
/** After this time, the shards no longer wait for the result of a search. Milliseconds. */
const patienceMs = 3_000;
/**
 * After this many searches in a row without a result, each shard looks for its own work. These are many statements, which
 * a database that is only slow for a moment must not get.
 */
const missesAllowed = 2;

interface SearchedWork {
  /** What the search needs to know about the shard. */
  searched: SearchedShard;
  wake(due: DueWork | undefined): void;
}

export interface WorkSearchDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  /** Returns the shards whose leases the host holds. */
  shards: () => ReadonlyMap<number, SearchedWork>;
}

/**
 * Searches the database for due work of all shards of a host at once, and wakes the parts of the shards that have some.
 * While the search fails or hangs, every part of every shard looks for its own work instead, so that one table that can't
 * be read delays only the work in this table.
 */
export class WorkSearch {
  readonly #deps: WorkSearchDeps;
  readonly #stop = new AbortController();
  #current: Promise<ReadonlyMap<number, DueWork> | undefined> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: WorkSearchDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let misses = 0; ; ) {
      await pause(searchMs, signal);
      if (signal.aborted) return;
      const found = await this.#search(signal);
      if (signal.aborted) return;
      misses = found ? 0 : misses + 1;
      for (const [id, shard] of this.#deps.shards()) {
        // A shard that the host got meanwhile is not in the result: it has just looked for all its work.
        const due = found?.get(id);
        if (due || misses >= missesAllowed) shard.wake(due);
      }
    }
  }

  /** Returns no result if the search fails or takes too long. One search runs at a time. */
  async #search(signal: AbortSignal): Promise<ReadonlyMap<number, DueWork> | undefined> {
    const { db, clock, log, shards } = this.#deps;
    const searched = [...shards().values()].map((shard) => shard.searched);
    if (searched.length === 0) return new Map();
    this.#current ??= labelled("search for due work", () => findDueWork(db, searched, clock.now()))
      .catch((error: unknown) => {
        log.warn({ err: error }, "the search for due work failed; each shard looks for its own work");
        return undefined;
      })
      .finally(() => {
        this.#current = undefined;
      });
    const ended = new AbortController();
    const onStop = () => ended.abort();
    signal.addEventListener("abort", onStop, { once: true });
    try {
      return await Promise.race([this.#current, pause(patienceMs, ended.signal).then(() => undefined)]);
    } finally {
      signal.removeEventListener("abort", onStop);
      ended.abort();
    }
  }
}
