import postgres from "postgres";

/** The SQLSTATEs that this code reacts to (PostgreSQL documentation, appendix A). */
export const sqlStates = {
  /** Raised by statements of the ledger that need another statement to follow. */
  divisionByZero: "22012",
  /** Text that is not valid UTF-8 or contains NUL. */
  invalidText: "22021",
  invalidParameter: "22023",
  foreignKeyViolation: "23503",
  uniqueViolation: "23505",
  deadlock: "40P01",
  /** A lock was not available within `lock_timeout`. */
  lockNotAvailable: "55P03",
  /** The server canceled the statement, because it reached its time limit. */
  canceled: "57014",
  /** Raised by our own function `fence` when the caller does not hold the lease of the shard. */
  leaseLost: "SB001",
} as const;

/** Returns the SQLSTATE of an error that the server reported, or undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof postgres.PostgresError) return error.code;
  // Drizzle wraps errors of the driver.
  return error instanceof Error && error.cause instanceof postgres.PostgresError ? error.cause.code : undefined;
}

/**
 * Whether Postgres refused a value, such as text with NUL or a number out of range, and would refuse it again: the
 * classes 22 (data exception) and 54 (program limit exceeded).
 */
export const isRefusedValue = (error: unknown) => /^(?:22|54)/.test(sqlState(error) ?? "");

/**
 * Whether Postgres has certainly stored nothing: the classes data exception, integrity violation, transaction rollback,
 * program limit exceeded, object not in prerequisite state (locks), and our own. After other errors, such as a lost
 * connection, the statement may have been committed.
 */
export const isNotStored = (error: unknown): boolean => /^(?:22|23|40|54|55|SB)/.test(sqlState(error) ?? "");
