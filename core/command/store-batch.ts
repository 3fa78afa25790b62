import { randomInt } from "node:crypto";
import { answerOf } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { lockWaitMs } from "../db/shared-statements.ts";
import { isNotStored, sqlState, sqlStates } from "../db/sql-state.ts";
import { FairQueue } from "../fair-queue.ts";
import { callLanes, firstCallLane } from "../usage/lane.ts";
import { type RequestRow, requestRow, type StorableCommand, type Stored, storeRows } from "./store.ts";

/** Maximum number of commands in one statement, and of characters of their JSON. */
const maxRows = 64;
const maxCharacters = 1_000_000;
/** Number of statements that may run at the same time, and of those that store a single command alone. */
const maxStatements = 2;
/** How long a command that is stored alone is tried again while its rows are locked, in milliseconds. */
const patienceMs = 5_000;
/** The first lane of this process. */
const first = randomInt(callLanes);

interface Waiting {
  userId: string;
  row: RequestRow;
  resolve: (stored: Stored) => void;
  reject: (error: unknown) => void;
  /** When the command was first stored alone, by `performance.now()`. */
  aloneSince?: number;
}

/**
 * Stores the commands of concurrent requests in common statements, so that they share a commit. A single command is
 * stored at once. Commands that arrive while `maxStatements` statements run wait for the end of one. If more wait than a
 * statement stores, their users take turns. If Postgres refuses a statement, each of its commands is stored alone, so that
 * a command fails only because of itself. Users take turns here too. A command whose rows are locked delays the others by
 * at most `lockWaitMs`, and is tried again until its rows are free, for at most `patienceMs`.
 */
export class StoreBatch {
  readonly #db: Pick<Database, "sql" | "answerMs">;
  readonly #waiting = new FairQueue<Waiting>();
  /** Commands that are stored alone. */
  readonly #single = new FairQueue<Waiting>();
  #running = 0;
  #runningSingle = 0;
  /**
   * Common statements that run at the same time count calls in different lanes, so that they don't wait for each other. A
   * single command counts in a random lane. If that lane is in use, the command waits for it, or is tried in another lane.
   */
  readonly #lanes = Array.from({ length: maxStatements }, (_, index) => firstCallLane + ((first + index) % callLanes));

  constructor(db: Pick<Database, "sql" | "answerMs">) {
    this.#db = db;
  }

  /** Stores a command. Fails like `storeRows`, or with `NoAnswer`: then the command may be stored, or may still be. */
  store(command: StorableCommand): Promise<Stored> {
    const { promise, resolve, reject } = Promise.withResolvers<Stored>();
    const waiting: Waiting = { userId: command.userId, row: requestRow(command), resolve, reject };
    // A caller that often chooses an id twice must not make the statements of others fail.
    if (command.message?.preview.messageId !== undefined) this.#addSingle(waiting);
    else {
      this.#waiting.push(command.userId, waiting);
      void this.#next();
    }
    return promise;
  }

  async #next(): Promise<void> {
    if (this.#running >= maxStatements || this.#waiting.size === 0) return;
    const batch = this.#take();
    const lane = this.#lanes.pop() ?? firstCallLane;
    this.#running++;
    try {
      await this.#store(batch, lane);
    } finally {
      this.#running--;
      this.#lanes.push(lane);
      void this.#next();
    }
  }

  async #store(batch: readonly Waiting[], lane: number): Promise<void> {
    try {
      const stored = await this.#write(
        batch.map(({ row }) => row),
        { lockWaitMs, lane },
      );
      for (const [index, { resolve }] of batch.entries()) resolve(stored[index] ?? "absent");
    } catch (error) {
      if (isWorthAnother(error, batch.length)) for (const waiting of batch) this.#addSingle(waiting);
      else for (const { reject } of batch) reject(error);
    }
  }

  #addSingle(waiting: Waiting): void {
    this.#single.push(waiting.userId, waiting);
    void this.#nextSingle();
  }

  async #nextSingle(): Promise<void> {
    if (this.#runningSingle >= maxStatements) return;
    const [waiting] = this.#single.take(1);
    if (!waiting) return;
    this.#runningSingle++;
    try {
      await this.#storeAlone(waiting);
    } finally {
      this.#runningSingle--;
      void this.#nextSingle();
    }
  }

  async #storeAlone(waiting: Waiting): Promise<void> {
    waiting.aloneSince ??= performance.now();
    try {
      const lane = firstCallLane + randomInt(callLanes);
      const [stored = "absent"] = await this.#write([waiting.row], { lockWaitMs, lane });
      waiting.resolve(stored);
    } catch (error) {
      if (isLocked(error) && performance.now() - waiting.aloneSince < patienceMs) this.#addSingle(waiting);
      else waiting.reject(error);
    }
  }

  #write(rows: readonly RequestRow[], options: { lockWaitMs: number; lane: number }): Promise<Stored[]> {
    return storeRows(this.#db.sql, rows, {
      ...options,
      answer: (query) => answerOf(this.#db, query, { isDroppable: true }),
    });
  }

  #take(): Waiting[] {
    let characters = 0;
    return this.#waiting.take(maxRows, ({ row }) => {
      characters += row.json.length;
      return characters <= maxCharacters;
    });
  }
}

/** Whether the commands of a refused statement are stored alone. After a lost connection, they may be stored already. */
function isWorthAnother(error: unknown, rows: number): boolean {
  return isLocked(error) || (rows > 1 && isNotStored(error));
}

const isLocked = (error: unknown): boolean => sqlState(error) === sqlStates.lockNotAvailable;

/** By the database, which all requests of a process share. */
const batches = new WeakMap<Database, StoreBatch>();

export function storeBatchOf(db: Database): StoreBatch {
  const known = batches.get(db) ?? new StoreBatch(db);
  batches.set(db, known);
  return known;
}
