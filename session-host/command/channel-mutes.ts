import type { Database } from "../../core/db/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Lease } from "../concurrency/lease.ts";

/** Pause after a failed unmute, in milliseconds. */
const retryMs = 5 * 60_000;

/**
 * Queues an unmute command for each channel whose mute has expired, because WhatsApp itself does not end mutes. The
 * database stores the end of each mute, which therefore survives a restart of the host. Skips instances that are not
 * connected. Returns whether it queued a command.
 */
export async function queueUnmutes(
  { db, ids, host }: { db: Database; ids: Ids; host: string },
  lease: Lease,
): Promise<boolean> {
  // Skips channels with an unfinished command, which may be a new mute. The next run sees its effect.
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
  const commands = due.map((channel) => ({ ...channel, id: ids.uuid() }));
  await db.sql.begin(async (sql) => {
    await sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, status, correlation_id, deadline)
      select id, instance_id, user_id, ${lease.grant.shard}, 'channel.unmute', 'mutate', jsonb_build_object('channel', jid),
        'queued', id::text, clock_timestamp() + interval '1 minute'
      from unnest(${commands.map((command) => command.id)}::uuid[], ${commands.map((command) => command.instance_id)}::uuid[],
        ${commands.map((command) => command.user_id)}::uuid[], ${commands.map((command) => command.jid)}::text[])
        as t(id, instance_id, user_id, jid)`;
  });
  return true;
}
