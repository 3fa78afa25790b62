import type { ClaimLease } from "../../db/claim-lease.ts";
import { someIds } from "../../db/generic-plan.ts";
import { type Database, storableText } from "../../db/index.ts";
import { lockTimeout, SharedStatements } from "../../db/shared-statements.ts";
import { webhookLane } from "../../usage/lane.ts";
import type { Attempt } from "./attempt.ts";

/** One attempt and its consequences. */
export interface AttemptRecord extends Attempt {
  attemptId: string;
  deliveryId: string;
  at: Date;
  /** Whether a failure counts against `maxRetries`. */
  counts: boolean;
  /** Whether a failure is known to be a fault of the delivery, and not of its endpoint. */
  atFault: boolean;
  /** Whether the receiver refused this type of event (`isRefused` in `batch.ts`). */
  refused: boolean;
  /** The resulting state of the delivery, with the time of the next attempt if it stays pending. */
  verdict:
    | { status: "succeeded" }
    | { status: "failed"; reason: "exhausted" | "gone" }
    | { status: "pending"; nextAt: Date };
}

/**
 * Attempts are gathered for this long, in milliseconds. If the process dies before it writes them, their deliveries are
 * sent again under the same id.
 */
const gatherMs = 10;

/** Maximum number of attempts that one statement writes, and of characters of their texts. */
const maxAttempts = 500;
const maxCharacters = 1_000_000;

/** Attempts at deliveries to any endpoints that share statements. */
export type AttemptStatements = SharedStatements<AttemptRecord>;

/** The deliveries of all attempts must be claimed under `lease`. */
export const attemptStatements = (db: Database, lease: ClaimLease): AttemptStatements =>
  new SharedStatements({
    write: (records, lockWaitMs) => record(db, lease.id, records, { lockWaitMs }),
    maxItems: maxAttempts,
    maxCharacters,
    characters: ({ response, error }) => (response?.length ?? 0) + (error?.length ?? 0),
    gatherMs,
  });

/** Writes the attempts at deliveries to one endpoint soon after they happen. */
export class Recorder {
  readonly #statements: AttemptStatements;
  #writing: Promise<void>[] = [];

  constructor(statements: AttemptStatements) {
    this.#statements = statements;
  }

  add(record: AttemptRecord): void {
    const writing = this.#statements.add(record);
    // An error is thrown by `settled`.
    writing.catch(() => undefined);
    this.#writing.push(writing);
  }

  /**
   * Waits until all attempts added so far are written. Throws if the database refuses any of them. The deliveries of
   * refused attempts stay pending and are sent again.
   */
  async settled(): Promise<void> {
    const writing = this.#writing;
    if (writing.length === 0) return;
    this.#writing = [];
    this.#statements.flush();
    const ended = await Promise.allSettled(writing);
    const refused = ended.find((result) => result.status === "rejected");
    if (refused) throw refused.reason;
  }
}

/**
 * Logs attempts, updates the state of the deliveries that are claimed under the lease, and counts successes for the usage
 * statistics. If another worker has claimed or finished a delivery meanwhile, its state stays, but the attempt is logged.
 * Attempts of a deleted instance are dropped. The statement locks all deliveries before any usage row, both in a fixed
 * order, so that writers never deadlock. Throws `lockNotAvailable` if a row stays locked for `lockWaitMs`.
 */
export async function record(
  db: Database,
  leaseId: string | null,
  records: readonly AttemptRecord[],
  { lockWaitMs }: { lockWaitMs?: number } = {},
): Promise<void> {
  const rows = records.map(({ verdict, ...attempt }) => ({
    attempt_id: attempt.attemptId,
    delivery_id: attempt.deliveryId,
    at: attempt.at.toISOString(),
    duration_ms: attempt.durationMs,
    http_status: attempt.status,
    error: storable(attempt.error),
    response: storable(attempt.response),
    counts: attempt.counts,
    verdict: verdict.status,
    reason: verdict.status === "failed" ? verdict.reason : null,
    next_at: verdict.status === "pending" ? verdict.nextAt.toISOString() : null,
  }));
  // Also passed as an array, so that the planner uses the index: it can't estimate the number of rows in JSON.
  const ids = records.map(({ deliveryId }) => deliveryId);
  await db.sql`
    with outcome as materialized (
      select t.* from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(attempt_id uuid, delivery_id uuid,
        at timestamptz, duration_ms int, http_status int, error text, response text, counts boolean, verdict text,
        reason text, next_at timestamptz), ${lockTimeout(db.sql, lockWaitMs)}
    ), known as (
      select d.id, d.instance_id, d.attempts + 1 as number, d.status = 'pending' and coalesce(d.claimed_by = ${leaseId}::uuid, false) as open,
        outcome.*
      from outcome join deliveries d on d.id = outcome.delivery_id
      where d.id = any(${someIds(db.sql, ids)})
      order by d.id for update of d
    ), logged as (
      insert into attempts (id, delivery_id, number, at, duration_ms, status, error, response)
      select attempt_id, id, number, at, duration_ms, http_status, error, response from known
    ), counted as (
      insert into usage (user_id, instance_id, slot, lane, webhook_sent)
      select i.user_id, i.id, date_bin('15 minutes', known.at, '2000-01-01Z'), ${webhookLane}, count(*)
      from known join instances i on i.id = known.instance_id
      where known.open and known.verdict = 'succeeded'
      group by 1, 2, 3 order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set webhook_sent = usage.webhook_sent + excluded.webhook_sent
    )
    update deliveries d set
      attempts = known.number,
      tries = d.tries + (known.counts and known.verdict <> 'succeeded')::int,
      first_failed_at = case when known.verdict = 'succeeded' then d.first_failed_at
        else coalesce(d.first_failed_at, known.at) end,
      status = case when known.open then known.verdict else d.status end,
      reason = case when known.open then known.reason else d.reason end,
      next_at = case when known.open then coalesce(known.next_at, d.next_at) else d.next_at end,
      claimed_by = case when known.open then null else d.claimed_by end,
      finished_at = case when known.open and known.verdict <> 'pending'
        then known.at + known.duration_ms * interval '1 millisecond' else d.finished_at end
    from known where d.id = known.id and d.id = any(${someIds(db.sql, ids)})`;
}

/** Cutting a response can split a surrogate pair. Postgres rejects lone surrogates and NUL. */
export function storable(text: string | null): string | null {
  return text && storableText(text).toWellFormed();
}
