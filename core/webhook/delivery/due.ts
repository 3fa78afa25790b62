import { type ClaimLease, leaseHolds } from "../../db/claim-lease.ts";
import type { WebhookDeps } from "./batch.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";

export type Due = Claimed & { instanceId: string };

/**
 * Claims due deliveries of endpoints without a backlog: endpoints that have waited longest first, and the oldest events
 * of each endpoint first.
 */
export async function claimDue(
  deps: WebhookDeps,
  options: {
    lease: ClaimLease;
    until: Date;
    except: readonly string[];
    endpoints: number;
    perEndpoint: number;
    limit: number;
  },
): Promise<Due[]> {
  const now = deps.clock.now().toISOString();
  const rows = await deps.db.sql<(ClaimedRow & { instance_id: string })[]>`
    with due as (
      select id, instance_id,
        row_number() over (partition by instance_id order by event_seq) as place,
        min(next_at) over (partition by instance_id) as since
      from deliveries d
      where status = 'pending' and next_at <= ${now}::timestamptz and instance_id <> all(${options.except as string[]}::uuid[])
        and not exists (select 1 from webhook_endpoints w where w.instance_id = d.instance_id and w.state <> 'failing')
    ), ranked as (
      select id, place, dense_rank() over (order by since, instance_id) as endpoint
      from due where place <= ${options.perEndpoint}
    ), free as (
      select id from deliveries
      where id in (
          select id from ranked where endpoint <= ${options.endpoints} order by endpoint, place limit ${options.limit})
        and status = 'pending' and next_at <= ${now}::timestamptz and ${leaseHolds(deps.db.sql, options.lease)}
      for update skip locked
    )
    update deliveries d set next_at = ${options.until.toISOString()}::timestamptz, claimed_by = ${options.lease.id}
    from free where d.id = free.id
    returning ${claimedColumns(deps.db.sql)}, d.instance_id`;
  return rows.sort(byEvent).map((row) => ({ ...toClaimed(row), instanceId: row.instance_id }));
}

/** Fails deliveries of an instance whose webhook is switched off or removed. */
export async function giveUp(deps: WebhookDeps, lease: ClaimLease, deliveries: readonly Due[]): Promise<void> {
  const ids = deliveries.map((delivery) => delivery.id);
  await deps.db.sql`
    update deliveries set status = 'failed', reason = 'disabled',
      finished_at = ${deps.clock.now().toISOString()}::timestamptz
    where id = any(${ids}::uuid[]) and status = 'pending' and claimed_by = ${lease.id}`;
  deps.log.warn(
    { instanceId: deliveries[0]?.instanceId, deliveries: ids.length },
    "gave up on deliveries of an instance without a webhook",
  );
}
