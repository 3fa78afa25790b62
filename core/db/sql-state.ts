import postgres from "postgres";

/** The SQLSTATEs that this code reacts to (PostgreSQL documentation, appendix A). */
export const sqlStates = {
  invalidParameter: "22023",
  foreignKeyViolation: "23503",
  uniqueViolation: "23505",
  deadlock: "40P01",
  /** Raised by our own function `fence` when the caller does not hold the lease of the shard. */
  leaseLost: "SB001",
} as const;

/** Returns the SQLSTATE of an error that the server reported, or undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined;
}
