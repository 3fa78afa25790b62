import type { DueCondition } from "../../db/due.ts";

/** How long the row of a job is kept after its end. */
export const rowDays = 30;

/** Whether `runExports` has something to do. */
export const hasDueExports: DueCondition = ({ db: { sql }, clock }) => sql`
  exists (
    select from exports e where status in ('queued', 'running')
      or (status in ('canceled', 'failed', 'expired') and (upload_id is not null or expires_at is not null
        or finished_at < ${clock.now()}::timestamptz - ${rowDays} * interval '1 day'))
      or (status = 'done' and (expires_at <= ${clock.now()} or not exists (select from users where id = e.user_id)
        or (instance_id is not null and not exists (select from instances where id = e.instance_id)))))`;
