import type postgres from "postgres";

/** A delivery that this worker has claimed. */
export interface Claimed {
  id: string;
  eventType: string;
  correlationId: string | null;
  body: string;
  /** All attempts so far. */
  attempts: number;
  /** Failed attempts so far that count against `maxRetries`. */
  tries: number;
  firstFailedAt: Date | null;
}

export interface ClaimedRow extends Omit<Claimed, "eventType" | "correlationId" | "firstFailedAt"> {
  event_seq: number;
  event_type: string;
  correlation_id: string | null;
  first_failed_at: Date | null;
}

/** The columns of `ClaimedRow`, of a row of `deliveries` with the alias `d`. */
export const claimedColumns = (sql: postgres.ISql) => sql`
  d.id, d.event_seq::float8 as event_seq, d.event_type, d.correlation_id, d.body, d.attempts, d.tries, d.first_failed_at`;

export const toClaimed = (row: ClaimedRow): Claimed => ({
  id: row.id,
  eventType: row.event_type,
  correlationId: row.correlation_id,
  body: row.body,
  attempts: row.attempts,
  tries: row.tries,
  firstFailedAt: row.first_failed_at,
});

/** Sorts rows by the order of their events. `update … returning` returns rows in no particular order. */
export const byEvent = (a: ClaimedRow, b: ClaimedRow) => a.event_seq - b.event_seq;
