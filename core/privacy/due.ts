import type { DueCondition } from "../db/due.ts";

/** Whether `runErasures` may have something to do. */
export const hasDueErasures: DueCondition = ({ db: { sql }, clock }) => sql`
  exists (
    select from erasures where status in ('queued', 'running', 'waiting') and next_at <= ${clock.now()})`;
