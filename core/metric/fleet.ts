import type { Database } from "../db/index.ts";
import { outboxLane, outboxLanes } from "../event/event.sql.ts";
import { aliveMs } from "../shard/status.ts";
import type { FleetGauge } from "./name.ts";

/** Deliveries are counted up to this number, so that counting stays cheap after an outage of days. */
const maxCountedDeliveries = 100_000;

/** Measures the fleet, by the clock of the database. Each value comes from an index or a small table. */
export async function readFleetGauges(db: Database): Promise<Record<FleetGauge, number>> {
  const [row] = await db.sql<Record<FleetGauge, number>[]>`
    with live as materialized (
      select id from hosts where seen_at > clock_timestamp() - ${aliveMs} * interval '1 ms'
    ), instance_counts as (
      select count(*) filter (where status = 'connected') as connected, count(*) filter (where desired = 'running') as running
      from instances where deleted_at is null
    )
    select instance_counts.connected::float8 as "InstancesConnected",
      (instance_counts.running / greatest(1, (select count(*) from live))::float8) as "InstancesPerHost",
      (select count(*) from live)::float8 as "HostsAlive",
      (select count(*) from shards
        where not coalesce((select stopped from fleet), false)
          and (lease_until is null or lease_until < clock_timestamp() or host not in (select id from live)))::float8
        as "ShardsUnheld",
      ((select count(*) from commands where status = 'queued') + (select count(*) from commands where status = 'claimed'))::float8
        as "CommandsWaiting",
      (select count(*) from (
        select from deliveries where status = 'pending' limit ${maxCountedDeliveries}) d)::float8 as "DeliveriesWaiting",
      coalesce((
        select extract(epoch from clock_timestamp() - min(oldest.created_at))
        from shards cross join generate_series(0, ${outboxLanes - 1}) as lane cross join lateral (
          select created_at from events
          where shard = shards.id and emitted_at is null and ${db.sql.unsafe(outboxLane)} = lane
          order by position limit 1) oldest
      ), 0)::float8 as "EventAge",
      coalesce((
        select extract(epoch from clock_timestamp() - coalesce((select found_at from client_version), min(started_at)))
        from hosts where id in (select id from live) and client_version_source <> 'pinned' having count(*) > 0
      ), 0)::float8 as "ClientVersionAge"
    from instance_counts`;
  if (!row) throw new Error("an aggregate query returned no row");
  return { ...row, EventAge: Math.max(0, row.EventAge), ClientVersionAge: Math.max(0, row.ClientVersionAge) };
}
