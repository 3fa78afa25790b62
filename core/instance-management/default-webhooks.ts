import { sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";

/**
 * Gives the user's default webhook endpoints to an instance without own endpoints, or to all such instances of a user, and
 * takes them from instances that have own endpoints now. Call this function in the transaction that changes the endpoints.
 * The lock on the user serializes a change of an instance with a change of its user's default endpoints.
 */
export async function alignDefaults(
  orm: Database["orm"],
  clock: Clock,
  { id, userId }: { id?: string; userId: string },
): Promise<void> {
  const now = clock.now().toISOString();
  // A statement of its own, so that the next statement sees what the transaction that held the lock has committed.
  await orm.execute(sql`select 1 from users where id = ${userId} for share`);
  await orm.execute(sql`
    with current as materialized (
      select i.id, i.webhook_url is null and not exists (
          select from webhooks own where own.instance_id = i.id and own.default_id is null) as inherits
      from instances i
      where i.user_id = ${userId} and i.deleted_at is null ${id === undefined ? sql`` : sql`and i.id = ${id}`}
    ), gone as (
      delete from webhooks w using current
      where w.instance_id = current.id and w.default_id is not null and not current.inherits
    )
    insert into webhooks (id, user_id, instance_id, default_id, url, enabled, created_at, updated_at)
    select gen_random_uuid(), d.user_id, current.id, d.id, d.url, d.enabled, d.created_at, ${now}::timestamptz
    from current join webhooks d on d.user_id = ${userId} and d.instance_id is null
    where current.inherits
    on conflict (default_id, instance_id) do nothing`);
}
