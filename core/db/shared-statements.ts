import type postgres from "postgres";
import { isNotStored, sqlState } from "./sql-state.ts";

/** Number of statements that may run at the same time, and of those that write single items. */
const maxStatements = 2;
/**
 * How long a statement waits for a lock, in milliseconds. Shorter than `deadlock_timeout` (1 s), so that two statements
 * that lock rows in a different order wait no longer than this either.
 */
export const lockWaitMs = 100;

export interface SharedStatementsOptions<Item> {
  /** Writes items in one statement, which waits for each lock for at most `lockWaitMs` (see `lockTimeout`). */
  write(items: readonly Item[], lockWaitMs: number): Promise<void>;
  /** Maximum number of items in one statement. */
  maxItems: number;
  /** Maximum number of characters in one statement. A larger item is written alone. */
  maxCharacters: number;
  characters(item: Item): number;
  /** Items are gathered for this long, in milliseconds, unless `flush` is called. Default: not at all. */
  gatherMs?: number;
}

interface Waiting<Item> {
  item: Item;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Writes items of concurrent work in common statements, so that they share a commit. If Postgres refuses a statement, each
 * of its items is written alone, so that an item fails only because of itself. An item whose rows are locked delays the
 * others by at most `lockWaitMs`, and is tried again until its rows are free.
 */
export class SharedStatements<Item> {
  readonly #options: SharedStatementsOptions<Item>;
  #waiting: Waiting<Item>[] = [];
  /** Items of refused statements. */
  readonly #single: Waiting<Item>[] = [];
  #running = 0;
  #runningSingle = 0;
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: SharedStatementsOptions<Item>) {
    this.#options = options;
  }

  /** Resolves when the item is durable. Rejects if Postgres refuses the item. */
  add(item: Item): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ item, resolve, reject });
    const { gatherMs } = this.#options;
    if (gatherMs === undefined) this.flush();
    else if (this.#running === 0) this.#gathering ??= setTimeout(() => this.flush(), gatherMs);
    return promise;
  }

  /** Ends the gathering. */
  flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    while (this.#running < maxStatements && this.#waiting.length > 0) void this.#writeTogether(this.#take());
  }

  #take(): Waiting<Item>[] {
    const { maxItems, maxCharacters, characters } = this.#options;
    let total = 0;
    let count = 0;
    for (const { item } of this.#waiting.slice(0, maxItems)) {
      total += characters(item);
      if (count > 0 && total > maxCharacters) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeTogether(batch: readonly Waiting<Item>[]): Promise<void> {
    this.#running++;
    try {
      await this.#options.write(
        batch.map(({ item }) => item),
        lockWaitMs,
      );
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (isLocked(error) || (batch.length > 1 && isNotStored(error))) this.#writeSingle(batch);
      else for (const { reject } of batch) reject(error);
    } finally {
      this.#running--;
      this.flush();
    }
  }

  /** Items whose rows are locked are tried in turns, so that they don't keep others waiting. */
  #writeSingle(more: readonly Waiting<Item>[]): void {
    this.#single.push(...more);
    while (this.#runningSingle < maxStatements) {
      const next = this.#single.shift();
      if (!next) return;
      void this.#writeAlone(next);
    }
  }

  async #writeAlone(waiting: Waiting<Item>): Promise<void> {
    this.#runningSingle++;
    let again: Waiting<Item>[] = [];
    try {
      await this.#options.write([waiting.item], lockWaitMs);
      waiting.resolve();
    } catch (error) {
      if (isLocked(error)) again = [waiting];
      else waiting.reject(error);
    } finally {
      this.#runningSingle--;
      this.#writeSingle(again);
    }
  }
}

/** Whether a lock was not available in time, or the statement was the victim of a deadlock. It may succeed later. */
const isLocked = (error: unknown) => /^(?:55P03|40)/.test(sqlState(error) ?? "");

/**
 * Returns a subquery with one row for the FROM of the first expression of a statement. It limits how long the statement
 * waits for each lock, if `lockWaitMs` is given. The expression must be `materialized`, so that the limit is set before the
 * statement locks a row.
 */
export const lockTimeout = (sql: postgres.ISql, lockWaitMs?: number): postgres.PendingQuery<postgres.Row[]> => {
  const timeout = lockWaitMs === undefined ? null : `${lockWaitMs}ms`;
  return sql`(
    select set_config('lock_timeout', coalesce(${timeout}::text, current_setting('lock_timeout')), true)) as limited`;
};
