import { type ClaimLease, leaseHolds } from "../../db/claim-lease.ts";
import type { WebhookDeps } from "./batch.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";
import type { EndpointKey } from "./endpoint.ts";
import { inTurn, type Shares } from "./pace.ts";
import { endpointOf } from "./target.ts";

export type Due = Claimed & EndpointKey;

/**
 * Claims due deliveries of endpoints without a backlog, fairly by user: the endpoints of a user that have waited longest
 * first, and the oldest events of each endpoint first.
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
    shares: Shares;
  },
): Promise<Due[]> {
  const now = deps.clock.now().toISOString();
  const { sql } = deps.db;
  const rows = await sql<(ClaimedRow & { endpoint_id: string; instance_id: string })[]>`
    with due as (
      select d.id, ${endpointOf(sql)} as endpoint_id, i.user_id,
        row_number() over (partition by ${endpointOf(sql)} order by d.event_seq) as place,
        min(d.next_at) over (partition by ${endpointOf(sql)}) as since
      from deliveries d join instances i on i.id = d.instance_id
      where d.status = 'pending' and d.next_at <= ${now}::timestamptz
        and ${endpointOf(sql)} <> all(${options.except as string[]}::uuid[])
        and not exists (
          select from endpoint_breakers b where b.endpoint_id = ${endpointOf(sql)} and b.state <> 'failing')
    ), waiting as (
      select distinct endpoint_id, user_id, since from due
    ), ${inTurn(deps, options.shares)}, ranked as (
      select due.id, due.place, dense_rank() over (order by in_turn.turn) as endpoint
      from due join in_turn on in_turn.endpoint_id = due.endpoint_id where due.place <= ${options.perEndpoint}
    ), free as (
      select id from deliveries
      where id in (
          select id from ranked where endpoint <= ${options.endpoints} order by endpoint, place limit ${options.limit})
        and status = 'pending' and next_at <= ${now}::timestamptz and ${leaseHolds(sql, options.lease)}
      for update skip locked
    )
    update deliveries d set next_at = ${options.until.toISOString()}::timestamptz, claimed_by = ${options.lease.id}
    from free where d.id = free.id
    returning ${claimedColumns(sql)}, ${endpointOf(sql)} as endpoint_id, d.instance_id`;
  return rows
    .sort(byEvent)
    .map((row) => ({ ...toClaimed(row), endpointId: row.endpoint_id, instanceId: row.instance_id }));
}

/** Fails deliveries to an endpoint that is switched off or removed. */
export async function giveUp(deps: WebhookDeps, lease: ClaimLease, deliveries: readonly Due[]): Promise<void> {
  const ids = deliveries.map((delivery) => delivery.id);
  await deps.db.sql`
    update deliveries set status = 'failed', reason = 'disabled',
      finished_at = ${deps.clock.now().toISOString()}::timestamptz
    where id = any(${ids}::uuid[]) and status = 'pending' and claimed_by = ${lease.id}`;
  deps.log.warn(
    { instanceId: deliveries[0]?.instanceId, endpointId: deliveries[0]?.endpointId, deliveries: ids.length },
    "gave up on deliveries to a webhook endpoint that is off or removed",
  );
}
