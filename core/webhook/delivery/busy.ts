import type postgres from "postgres";
import { claimHasEnded } from "../../db/claim-lease.ts";
import { someTime } from "../../db/generic-plan.ts";

/**
 * A subquery with the number of endpoints of each user that occupy workers of the event queue: `user_id`, `endpoints`.
 * Users without such endpoints are absent. `lateral` makes the planner look up single endpoints with an index.
 */
export const busyOfUsers = (sql: postgres.ISql, now: Date) => sql`(
    select t.user_id, count(*)::int as endpoints
    from endpoint_paces p cross join lateral (
      select user_id from instances where id = p.endpoint_id
      union all
      select user_id from webhooks where id = p.endpoint_id
    ) t
    where p.busy_until > ${someTime(sql, now)} and not ${claimHasEnded(sql, sql`p.busy_by`)}
    group by t.user_id
  )`;
