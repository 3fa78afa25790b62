import type postgres from "postgres";
import type { Database } from "./index.ts";

/** What `PipelinedTransaction` uses of a connection of the driver (`Connection` in postgres 3.4, src/connection.js). */
interface Connection {
  /** Writes the messages of a statement. Returns true without calling `onexecute` if the statement can't be built. */
  execute(statement: Statement): unknown;
  terminate(): void;
  /** Closes the connection at once. Added by our patch of the driver. */
  drop(): void;
  /** While set, the pool does not use the connection. Called when a transaction is open and nothing is in flight. */
  reserved: (() => void) | null;
  onclose: ((error: Error) => void) | null;
}

/** What `PipelinedTransaction` uses of a statement of the driver (`Query` in postgres 3.4, src/query.js). */
interface Statement extends Promise<postgres.RowList<postgres.Row[]>> {
  handler: (statement: Statement) => void;
  options: { onexecute?: (connection: Connection) => boolean };
  strings: readonly string[];
  args: readonly unknown[];
  /** Whether the driver waits for the types of the parameters before it sends them. */
  describeFirst?: boolean;
  /** Whether the next answer on the connection is for this statement. */
  active: boolean;
  execute(): Statement;
  reject(error: unknown): void;
}

/**
 * The routines of the server that report that it can't run a prepared statement any more. The driver then prepares the
 * statement again (`retryRoutines` in postgres 3.4, src/connection.js).
 */
const staleRoutines = new Set(["FetchPreparedStatement", "RevalidateCachedQuery", "transformAssignedExpr"]);

/** A statement that always fails. */
const failing = { strings: ["select 1/0"], args: [] };

/**
 * A transaction that sends `begin`, its statements and `commit` without waiting for their results, unlike `sql.begin`,
 * which waits for three answers. The server runs the statements in order. If one fails, it refuses the others, and the
 * transaction is rolled back. Uses the same functions of the driver as `sql.begin`.
 */
export class PipelinedTransaction {
  /** Creates statements of this transaction. */
  readonly sql: postgres.ISql;
  readonly #pool: postgres.Sql;
  readonly #begin: Statement;
  #hasBegun = false;
  #connection: Connection | undefined;
  /** Statements that are not sent yet. */
  readonly #waiting: Statement[] = [];
  readonly #results: Promise<unknown>[] = [];
  #last: Statement | undefined;
  /** The first error of a statement, or of the connection. */
  #failure: { error: unknown } | undefined;
  /** Why no statement can be sent any more. */
  #ended: Error | undefined;

  constructor({ sql }: Pick<Database, "sql">) {
    this.#pool = sql;
    this.sql = this.#tag();
    const begin = sql.unsafe("begin", [], {
      onexecute: (connection: Connection) => this.#reserve(connection),
    } as postgres.UnsafeQueryOptions);
    this.#begin = begin as unknown as Statement;
    begin.execute().then(
      () => {
        this.#hasBegun = true;
      },
      (error: unknown) => this.#break(error),
    );
  }

  /**
   * Settles as the work of this transaction does. If that takes longer than `ms` milliseconds, throws an error with the code
   * `CONNECTION_SILENT`, and drops the connection. The transaction may still be committed.
   */
  async within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
    const silence = Promise.withResolvers<never>();
    let error: Error | undefined;
    const giveUp = () => {
      error = Object.assign(new Error("Postgres did not answer in time"), { code: "CONNECTION_SILENT" });
      // The driver rejects the statements when the connection is closed. Before that, it would send others over it.
      if (!this.#drop()) silence.reject(error);
    };
    let turn: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      // After a long block of the event loop, timers come before the answers that have arrived meanwhile.
      turn = setImmediate(() => {
        turn = setImmediate(giveUp);
      });
    }, ms);
    try {
      return await Promise.race([work, silence.promise]);
    } catch (cause) {
      throw error ?? cause;
    } finally {
      clearTimeout(timer);
      clearImmediate(turn);
    }
  }

  /**
   * Drops the connection if the transaction has it for itself. Returns whether it did. A connection on which an earlier
   * statement still runs is kept: the transaction then runs later.
   */
  #drop(): boolean {
    const connection = this.#connection;
    if (connection?.onclose !== this.#close || !(this.#hasBegun || this.#begin.active)) return false;
    connection.drop();
    return true;
  }

  /** Makes the transaction fail if this work has failed before the commit, such as code that makes statements. */
  watch<Result>(work: Promise<Result>): Promise<Result> {
    work.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    return work;
  }

  /**
   * Commits. Sends `commit` at once if all statements are on their way, otherwise when they are answered: a prepared
   * statement is described before its first use on a connection. Rejects with the error of the first statement that
   * failed, or with the error of the connection. In the second case, the transaction may be committed.
   */
  async commit(): Promise<void> {
    await sent();
    if (this.#waiting.length > 0 || !this.#last || this.#last.describeFirst) await Promise.allSettled(this.#results);
    if (this.#failure) return await this.rollBack();
    const commit = this.#send(this.#pool.unsafe("commit"));
    await sent();
    // A statement that comes now would run outside of the transaction.
    this.#ended ??= new Error("the transaction is being committed");
    const { command } = await commit.catch((error: unknown) => {
      throw this.#end(error);
    });
    // The server answers `commit` with ROLLBACK if a statement failed.
    if (this.#failure || command !== "COMMIT") throw this.#end(new Error(`the server answered commit with ${command}`));
    this.#end(undefined);
  }

  /** Rolls back, and throws the first error. Call it if the caller fails before `commit`, with the caller's error. */
  async rollBack(error?: unknown): Promise<never> {
    await sent();
    const first = this.#failure?.error ?? error;
    // If the connection fails instead, the server rolls back by itself. The first error is thrown below.
    if (!this.#ended) await this.#send(this.#pool.unsafe("rollback")).catch(() => undefined);
    this.#failure = { error: first };
    throw this.#end(first);
  }

  /** Ends the transaction. Returns the error to throw. */
  #end(error: unknown): unknown {
    this.#ended ??= new Error("the transaction has ended");
    if (this.#connection?.onclose === this.#close) this.#connection.onclose = null;
    const first = this.#failure?.error ?? error;
    if (!isStale(first)) return first;
    return Object.assign(new Error("a prepared statement is out of date", { cause: first }), {
      code: "CONNECTION_STALE",
    });
  }

  #reserve(connection: Connection): false {
    this.#connection = connection;
    connection.onclose = this.#close;
    connection.reserved = () => {
      this.#last = undefined;
      this.#drain();
    };
    queueMicrotask(() => this.#drain());
    return false;
  }

  readonly #close = (error: Error): void => this.#break(error);

  /** Rejects what is not sent yet, because the connection can't be used. */
  #break(error: unknown): void {
    this.#failure ??= { error };
    this.#ended ??= error instanceof Error ? error : new Error(String(error));
    for (const statement of this.#waiting.splice(0)) statement.reject(error);
  }

  /** Returns the pool's `sql` with this transaction as the handler of its statements. */
  #tag(): postgres.ISql {
    const own = <Result>(created: Result): Result => {
      if (created instanceof Promise) (created as unknown as Statement).handler = this.#take;
      return created;
    };
    return new Proxy(this.#pool, {
      apply: (target, self, args) => own(Reflect.apply(target, self, args)),
      get: (target, name) =>
        name === "unsafe"
          ? (...args: Parameters<postgres.Sql["unsafe"]>) => own(target.unsafe(...args))
          : Reflect.get(target, name),
    });
  }

  #send(created: postgres.PendingQuery<postgres.Row[]>): Statement {
    const statement = created as unknown as Statement;
    statement.handler = this.#take;
    return statement.execute();
  }

  /** Called by the driver, in the order in which statements were executed. */
  readonly #take = (statement: Statement): void => {
    if (this.#ended) {
      statement.reject(this.#ended);
      return;
    }
    this.#results.push(
      statement.catch((error: unknown) => {
        this.#failure ??= { error };
      }),
    );
    this.#waiting.push(statement);
    this.#drain();
  };

  #drain(): void {
    const connection = this.#connection;
    while (connection && !this.#ended && !this.#last?.describeFirst) {
      const statement = this.#waiting.shift();
      if (!statement) return;
      this.#run(connection, statement);
    }
  }

  #run(connection: Connection, statement: Statement): void {
    let written = false;
    statement.options.onexecute = () => {
      written = true;
      return true;
    };
    // `commit` is behind the statement already, and its answer may come before the repetition's.
    neverTwice(statement, (error) => {
      this.#failure ??= { error };
    });
    const built = connection.execute(statement) !== true || written;
    this.#last = statement;
    // The driver has rejected the statement that is in flight, and would take later answers for those of others.
    if (!built) connection.terminate();
  }
}

/** Resolves when all statements that were executed are handed to the driver, which does so in microtasks. */
export const sent = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const isStale = (error: unknown): boolean =>
  staleRoutines.has((error as { routine?: string } | undefined)?.routine ?? "");

/**
 * The driver repeats a statement that the server can't run any more. The repetition would come after the end of the
 * transaction, so it is replaced by a statement that fails. The driver then reports the first error.
 */
function neverTwice(statement: Statement, onStale: (error: unknown) => void): void {
  let retried: unknown;
  Object.defineProperty(statement, "retried", {
    get: () => retried,
    set: (error: unknown) => {
      retried = error;
      onStale(error);
      Object.assign(statement, failing);
    },
  });
}
