import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";

/** An SQL condition: a run of `runErasures` may have something to do. */
export const hasDueErasures = ({
  db: { sql },
  clock,
}: {
  db: Database;
  clock: Clock;
}): postgres.PendingQuery<postgres.Row[]> => sql`
  exists (
    select from erasures where status in ('queued', 'running', 'waiting') and next_at <= ${clock.now()})`;
