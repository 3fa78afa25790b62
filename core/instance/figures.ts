import type { Database } from "../db/index.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import type { InstanceStatus } from "./instance.sql.ts";

export interface InstanceFigures {
  id: string;
  name: string;
  status: InstanceStatus;
  statusAt: Date;
  shard: number;
  /** The host that serves the instance's shard now. Null if no host serves the shard. */
  host: string | null;
  /** The number of events since the instance was created. */
  events: number;
  /** Accepted commands that are not finished. */
  commandsWaiting: number;
  /** Pending webhook deliveries. */
  webhooksWaiting: number;
}

/**
 * Counts the instances of a user, or of all users if `userId` is null, by status. Instances that are being deleted
 * don't count.
 */
export async function countByStatus(
  db: Database,
  userId: string | null,
): Promise<{ total: number; byStatus: Partial<Record<InstanceStatus, number>> }> {
  const rows = await db.sql<{ status: InstanceStatus; count: number }[]>`
    select status, count(*)::int as count from instances
    where deleted_at is null ${userId === null ? db.sql`` : db.sql`and user_id = ${userId}`}
    group by status order by status`;
  return {
    total: rows.reduce((sum, row) => sum + row.count, 0),
    byStatus: Object.fromEntries(rows.map((row) => [row.status, row.count])),
  };
}

/**
 * Lists the instances of all users with their pending work, the newest first. `total` is the number of all instances.
 */
export async function readFigures(
  db: Database,
  total: number,
  page: PageRequest,
): Promise<{ figures: InstanceFigures[]; pagination: Pagination }> {
  const found = await db.sql<InstanceFigures[]>`
    with page as materialized (
      select id, name, status, status_at, shard, event_seq, created_at from instances where deleted_at is null
      order by created_at desc, id desc limit ${page.limit} offset ${page.skip}
    ), unfinished as (
      select instance_id, count(*)::int as count from (
        select instance_id from commands where status = 'queued'
        union all select instance_id from commands where status = 'claimed'
      ) waiting group by instance_id
    )
    select i.id, i.name, i.status, i.status_at as "statusAt", i.shard, s.host, i.event_seq::float8 as events,
      coalesce(unfinished.count, 0) as "commandsWaiting",
      (select count(*)::int from deliveries d where d.instance_id = i.id and d.status = 'pending') as "webhooksWaiting"
    from page i left join unfinished on unfinished.instance_id = i.id
      left join shards s on s.id = i.shard and s.lease_until > clock_timestamp()
    order by i.created_at desc, i.id desc`;
  const { items: figures, pagination } = paged(page, { items: found }, total);
  return { figures, pagination };
}
