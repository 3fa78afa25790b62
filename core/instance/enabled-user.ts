import type postgres from "postgres";

/**
 * A condition that the user `userId`, a column, is enabled. Work that a disabled user requested waits in the database. It
 * continues when an admin enables the user, or expires.
 */
export const isEnabled = (sql: postgres.ISql, userId: postgres.PendingQuery<postgres.Row[]>) =>
  sql`not exists (select from users requester where requester.id = ${userId} and requester.disabled_at is not null)`;
