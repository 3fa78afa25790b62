import type postgres from "postgres";
import { AppError } from "../error.ts";
import type { Database } from "./index.ts";

/** Postgres did not answer a statement in time. The statement may have run, or may still run. */
export class NoAnswer extends Error {
  readonly code = "CONNECTION_SILENT";
  /**
   * Resolves when the driver no longer waits for the answer: a statement that waits behind another one on its connection may
   * start much later. Undefined for a statement that was not sent, and won't be.
   */
  readonly settled: Promise<void> | undefined;

  constructor(settled?: Promise<void>) {
    super("Postgres did not answer in time");
    this.settled = settled;
  }
}

/** The members of the driver's connection that `answerOf` uses (`Connection` in postgres 3.4, src/connection.js, as patched). */
interface Connection {
  drop(): void;
}

/** The members of the driver's statement that `answerOf` uses (`Query` in postgres 3.4, src/query.js). */
interface Statement {
  options: { onexecute?: (connection: Connection) => boolean };
  strings: readonly string[];
  args: readonly unknown[];
  /** Whether the next answer on the connection is for this statement. */
  active: boolean;
}

/** Replaces a statement that must not run any more. The driver can't remove a statement that waits for a new connection. */
const harmless = { strings: ["select 1"], args: [] };

/** How long a statement of a request may take, in milliseconds. Longer than such a statement waits for a lock. */
const defaultAnswerMs = 10_000;

/**
 * Waits for the answer to a short statement. Throws `NoAnswer` if Postgres doesn't answer within `db.answerMs`, and drops the
 * connection, so that nothing else waits for it until TCP gives up. A connection on which an earlier statement still runs is
 * kept. A statement that was not sent by then is still sent later, unless `isDroppable`. Not for statements of transactions.
 */
export async function answerOf<Rows extends postgres.MaybeRow[]>(
  db: Pick<Database, "answerMs">,
  query: postgres.PendingQuery<Rows>,
  { isDroppable = false }: { isDroppable?: boolean } = {},
): Promise<postgres.RowList<Rows>> {
  const statement = query as unknown as Statement;
  let connection: Connection | undefined;
  statement.options.onexecute = (used) => {
    connection = used;
    return true;
  };
  const silence = Promise.withResolvers<never>();
  let noAnswer: NoAnswer | undefined;
  const giveUp = () => {
    const isUnsent = !connection && isDroppable;
    if (isUnsent) Object.assign(statement, harmless);
    noAnswer = new NoAnswer(isUnsent ? undefined : settledOf(query));
    // The driver rejects the statement when the connection is closed. Before that, it would send others over it.
    if (statement.active && connection) connection.drop();
    else silence.reject(noAnswer);
  };
  let turn: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // After a long block of the event loop, timers come before the answers that have arrived meanwhile.
    turn = setImmediate(() => {
      turn = setImmediate(giveUp);
    });
  }, db.answerMs ?? defaultAnswerMs);
  try {
    return await Promise.race([query, silence.promise]);
  } catch (error) {
    throw noAnswer ?? error;
  } finally {
    clearTimeout(timer);
    clearImmediate(turn);
  }
}

const settledOf = (query: Promise<unknown>): Promise<void> =>
  query.then(
    () => undefined,
    () => undefined,
  );

/** Like `answerOf`, for a statement that only reads. Throws `unavailable` instead of `NoAnswer`. */
export async function readInTime<Rows extends postgres.MaybeRow[]>(
  db: Pick<Database, "answerMs">,
  query: postgres.PendingQuery<Rows>,
): Promise<postgres.RowList<Rows>> {
  try {
    return await answerOf(db, query);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    throw new AppError("unavailable", "the database did not answer in time", { cause: error });
  }
}

/** Network errors that occur before a statement is sent to Postgres. */
const connectCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "CONNECT_TIMEOUT"]);

/** Whether a statement failed because there was no connection to send it on, or none that was free in time. */
export const isUnsent = (error: unknown): boolean =>
  error instanceof NoAnswer
    ? error.settled === undefined
    : error instanceof Error && "code" in error && connectCodes.has(String(error.code));
