import type { Database } from "../../core/db/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Lease } from "../concurrency/lease.ts";

/** Pause after an unmute that failed. */
const retryMs = 5 * 60_000;

/**
 * Queues an unmute command for each channel whose mute has ended, because a mute on WhatsApp has no end. Reads the ends of
 * mutes from the database, so that they outlive the host, and waits until the instance is connected. Returns whether it
 * queued any.
 */
export async function endMutes(
  { db, ids, host }: { db: Database; ids: Ids; host: string },
  lease: Lease,
): Promise<boolean> {
  // An unfinished command for the channel may be a new mute. The next run sees its effect.
  const due = await db.sql<{ instance_id: string; user_id: string; jid: string }[]>`
    select c.instance_id, i.user_id, c.jid from channels c join instances i on i.id = c.instance_id
    where c.muted_until <= clock_timestamp() and i.shard = ${lease.grant.shard} and i.status = 'connected'
      and i.deleted_at is null
      and not exists (
        select 1 from commands where instance_id = c.instance_id and input->>'channel' = c.jid
          and created_at > clock_timestamp() - ${retryMs} * interval '1 ms'
          and (name in ('channel.mute', 'channel.unmute') and status in ('queued', 'claimed')
            or name = 'channel.unmute' and status = 'failed'))
    limit 100`;
  if (due.length === 0) return false;
  const created = due.map((one) => ({ ...one, id: ids.uuid() }));
  await db.sql.begin(async (sql) => {
    await sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, status, correlation_id, deadline)
      select id, instance_id, user_id, ${lease.grant.shard}, 'channel.unmute', 'mutate', jsonb_build_object('channel', jid),
        'queued', id::text, clock_timestamp() + interval '1 minute'
      from unnest(${created.map((one) => one.id)}::uuid[], ${created.map((one) => one.instance_id)}::uuid[],
        ${created.map((one) => one.user_id)}::uuid[], ${created.map((one) => one.jid)}::text[])
        as t(id, instance_id, user_id, jid)`;
  });
  return true;
}
