import type postgres from "postgres";
import { claimHasEnded } from "../../db/claim-lease.ts";
import type { WebhookDeps } from "./batch.ts";
import { isOff } from "./circuit-breaker.ts";
import { slowTraffic } from "./pace.ts";
import { targets } from "./target.ts";

/**
 * Returns an SQL condition that is true if `retryDeliveries` has work: a delivery or a backlog is due, the worker of one has
 * ended, a slow endpoint gets deliveries, or an endpoint that was switched off or removed still has state.
 */
export function hasDueRetries(
  deps: Pick<WebhookDeps, "db" | "clock" | "log" | "limits">,
): postgres.PendingQuery<postgres.Row[]> {
  const { sql } = deps.db;
  const now = deps.clock.now().toISOString();
  return sql`(
    exists (select from deliveries where status = 'pending' and next_at <= ${now}::timestamptz)
    or exists (select from deliveries d where status = 'pending' and ${claimHasEnded(sql, sql`d.claimed_by`)})
    or exists (
      select from endpoint_breakers b left join ${targets(sql)} t on t.endpoint_id = b.endpoint_id
      where ${isOff(sql)} or (b.state <> 'failing' and (
        b.next_at <= ${now}::timestamptz or b.url <> t.url or ${claimHasEnded(sql, sql`b.claimed_by`)})))
    or exists (${slowTraffic(deps)})
    or exists (
      select from endpoint_paces p where not exists (select from ${targets(sql)} t where t.endpoint_id = p.endpoint_id)))`;
}
