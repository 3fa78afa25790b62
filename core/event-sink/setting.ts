import { sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";

/**
 * Creates, changes or deletes the sinks of an instance, or of all instances of a user, to match the queues that are
 * set. Call this function in the transaction that sets the queues. A new sink starts with the next event. If the queue
 * changes, unsent events go to the new one. The lock on the user serializes the creation of an instance with a change
 * of its user's queue, so that the new instance can't miss the change.
 */
export async function alignSinks(
  { orm, clock }: { orm: Database["orm"]; clock: Clock },
  scope: { instanceId: string } | { userId: string },
): Promise<void> {
  const which = "instanceId" in scope ? sql`i.id = ${scope.instanceId}` : sql`u.id = ${scope.userId}`;
  await orm.execute(sql`
    with current as materialized (
      select i.id, coalesce(i.event_queue, u.event_queue) as queue, i.event_seq
      from instances i join users u on u.id = i.user_id
      where ${which} and i.deleted_at is null order by i.id for share of u
    ), gone as (
      delete from event_sinks where instance_id in (select id from current where queue is null)
    )
    insert into event_sinks as s (instance_id, queue, sent_seq, next_at)
    select id, queue, event_seq, ${clock.now().toISOString()}::timestamptz from current where queue is not null
    on conflict (instance_id) do update set queue = excluded.queue, failures = 0, failing_since = null, error = null,
      next_at = excluded.next_at
    where s.queue <> excluded.queue`);
}
