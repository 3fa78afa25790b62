import { type Database, storableText } from "../../db/index.ts";
import type { Attempt } from "./attempt.ts";

/** One try and what follows from it. */
export interface Outcome extends Attempt {
  attemptId: string;
  deliveryId: string;
  at: Date;
  /** Whether a failure counts against `maxRetries`. */
  counts: boolean;
  /** What becomes of the delivery, and for a pending one, when it is tried next. */
  verdict:
    | { status: "succeeded" }
    | { status: "failed"; reason: "exhausted" | "gone" }
    | { status: "pending"; nextAt: Date };
}

/** Outcomes are gathered for so long. What this process had not written when it died is posted again, under the same id. */
const gatherMs = 10;

/** Who counts in `usage`: webhooks. */
const usageLane = 1;

/** Writes outcomes soon after they happen, many in one statement. */
export class Recorder {
  readonly #db: Database;
  #waiting: Outcome[] = [];
  #added = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(db: Database) {
    this.#db = db;
  }

  add(outcome: Outcome): void {
    this.#added++;
    this.#waiting.push(outcome);
    if (!this.#writing) this.#gathering ??= setTimeout(() => this.#writeNext(), gatherMs);
  }

  /**
   * Waits until all that was added before is written. Throws when the database refused any of it; those deliveries stay
   * pending and will be sent again.
   */
  async settled(): Promise<void> {
    const target = this.#added;
    while (this.#written < target) {
      if (!this.#writing) this.#writeNext();
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #writeNext(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const batch = this.#waiting.splice(0);
    this.#writing = record(this.#db, batch)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .then(() => {
        this.#written += batch.length;
        this.#writing = undefined;
        if (this.#waiting.length > 0) this.#writeNext();
      });
  }
}

/**
 * Logs attempts and moves their deliveries on, and counts those that have succeeded for the statistics. One that was
 * finished by another worker meanwhile stays as it is; the attempt is logged all the same. A delivery that went with its
 * instance takes none. All deliveries are locked before any count, and either in one order, so that no two writers can
 * wait for each other.
 */
async function record(db: Database, outcomes: readonly Outcome[]): Promise<void> {
  const rows = outcomes.map((outcome) => ({
    attempt_id: outcome.attemptId,
    delivery_id: outcome.deliveryId,
    at: outcome.at.toISOString(),
    duration_ms: outcome.durationMs,
    http_status: outcome.status,
    error: storable(outcome.error),
    response: storable(outcome.response),
    counts: outcome.counts,
    verdict: outcome.verdict.status,
    reason: outcome.verdict.status === "failed" ? outcome.verdict.reason : null,
    next_at: outcome.verdict.status === "pending" ? outcome.verdict.nextAt.toISOString() : null,
  }));
  // Named again as an array: of how many rows come out of JSON the planner has no idea, and would read the whole table.
  const ids = outcomes.map((outcome) => outcome.deliveryId);
  await db.sql`
    with outcome as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(attempt_id uuid, delivery_id uuid,
        at timestamptz, duration_ms int, http_status int, error text, response text, counts boolean, verdict text,
        reason text, next_at timestamptz)
    ), known as (
      select d.id, d.instance_id, d.attempts + 1 as number, d.status = 'pending' as open, outcome.* from outcome join deliveries d on d.id = outcome.delivery_id
      where d.id = any(${ids}::uuid[])
      order by d.id for update of d
    ), logged as (
      insert into attempts (id, delivery_id, number, at, duration_ms, status, error, response)
      select attempt_id, id, number, at, duration_ms, http_status, error, response from known
    ), counted as (
      insert into usage (user_id, instance_id, slot, lane, webhook_sent)
      select i.user_id, i.id, date_bin('15 minutes', known.at, '2000-01-01Z'), ${usageLane}, count(*)
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
      finished_at = case when known.open and known.verdict <> 'pending'
        then known.at + known.duration_ms * interval '1 millisecond' else d.finished_at end
    from known where d.id = known.id and d.id = any(${ids}::uuid[])`;
}

/** Cutting an answer may have split a character in two, and Postgres takes neither halves nor NUL. */
function storable(text: string | null): string | null {
  return text && storableText(text).toWellFormed();
}
