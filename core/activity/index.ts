import { and, desc, eq, gte, type InferSelectModel, inArray, lt, sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import { type Database, storableJson } from "../db/index.ts";
import type { Ids } from "../id.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import { activities } from "./activity.sql.ts";

export type Activity = InferSelectModel<typeof activities>;

/**
 * Adds an entry to the activity log, within the caller's transaction if `orm` is a transaction. Does nothing for an
 * instance that no longer exists.
 */
export async function recordActivity(
  deps: { orm: Database["orm"]; clock: Clock; ids: Ids },
  instanceId: string,
  action: string,
  details: Record<string, unknown> = {},
): Promise<void> {
  await deps.orm.execute(sql`
    insert into activities (id, instance_id, action, details, created_at)
    select ${deps.ids.uuid()}::uuid, id, ${action}, ${storableJson(details)}::text::jsonb, ${deps.clock.now().toISOString()}::timestamptz
    from instances where id = ${instanceId}`);
}

/** Returns the activity log of an instance, the newest entry first. `actions` limits it to entries with these actions. */
export async function readActivity(
  db: Database,
  instanceId: string,
  page: PageRequest & { actions?: string[] | undefined },
): Promise<{ logs: Activity[]; pagination: Pagination }> {
  const where = and(
    eq(activities.instanceId, instanceId),
    page.actions && inArray(activities.action, page.actions),
    page.from && gte(activities.createdAt, page.from),
    page.before && lt(activities.createdAt, page.before),
  );
  const found = await db.orm
    .select()
    .from(activities)
    .where(where)
    .orderBy(desc(activities.createdAt), desc(activities.id))
    .limit(page.limit)
    .offset(page.skip);
  const total = await db.orm.$count(activities, where);
  const { items: logs, pagination } = paged(page, { items: found }, total);
  return { logs, pagination };
}
