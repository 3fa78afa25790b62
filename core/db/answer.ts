import type postgres from "postgres";
import { AppError } from "../error.ts";
import type { Database } from "./index.ts";

/** Postgres did not answer a statement in time. The statement may have run, or may still run. */
export class NoAnswer extends Error {
  readonly code = "CONNECTION_SILENT";
  constructor() {
    super("Postgres did not answer in time");
  }
}

/** What this uses of a connection of the driver (`Connection` in postgres 3.4, src/connection.js, as patched). */
interface Connection {
  drop(): void;
}

/** What this uses of a statement of the driver (`Query` in postgres 3.4, src/query.js). */
interface Statement {
  options: { onexecute?: (connection: Connection) => boolean };
  /** Whether the next answer on the connection is for this statement. */
  active: boolean;
}

/** How long a statement of a request may take, in milliseconds. Longer than such a statement waits for a lock. */
const defaultAnswerMs = 10_000;

/**
 * Settles as a short statement does. Throws `NoAnswer` if Postgres doesn't answer within `db.answerMs`, and drops the
 * connection, so that nothing else waits for it until TCP gives up. A connection on which an earlier statement still runs is
 * kept. Not for statements of transactions.
 */
export async function answerOf<Rows extends postgres.MaybeRow[]>(
  db: Pick<Database, "answerMs">,
  query: postgres.PendingQuery<Rows>,
): Promise<postgres.RowList<Rows>> {
  const statement = query as unknown as Statement;
  let connection: Connection | undefined;
  statement.options.onexecute = (used) => {
    connection = used;
    return true;
  };
  const silence = Promise.withResolvers<never>();
  let hasGivenUp = false;
  const giveUp = () => {
    hasGivenUp = true;
    // The driver rejects the statement when the connection is closed. Before that, it would send others over it.
    if (statement.active && connection) connection.drop();
    else silence.reject(new NoAnswer());
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
    throw hasGivenUp ? new NoAnswer() : error;
  } finally {
    clearTimeout(timer);
    clearImmediate(turn);
  }
}

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

/** Whether a statement failed because there was no connection to send it on. */
export const isUnsent = (error: unknown): boolean =>
  error instanceof Error && "code" in error && connectCodes.has(String(error.code));
