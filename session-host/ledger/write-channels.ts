import type postgres from "postgres";
import type { ChannelFact } from "../../core/channel/fact.ts";
import { storableText } from "../../core/db/index.ts";
import type { Recorded } from "./writes.ts";

/** What was told of channels, in its order. Such changes are rare: a statement each. */
export async function writeChannels(sql: postgres.TransactionSql, batch: readonly Recorded[]): Promise<void> {
  const statements = batch.flatMap(({ instanceId, change, at }) => [
    ...(change.forgetContacts ? [sql`delete from channels where instance_id = ${instanceId}`.execute()] : []),
    ...(change.channels ?? []).map((fact) => write(sql, instanceId, fact, at).execute()),
  ]);
  await Promise.all(statements);
}

function write(sql: postgres.TransactionSql, instanceId: string, fact: ChannelFact, at: Date) {
  const { jid } = fact;
  if ("gone" in fact) return sql`delete from channels where instance_id = ${instanceId} and jid = ${jid}`;
  const key = { instance_id: instanceId, jid, updated_at: at };
  if ("seen" in fact) {
    return sql`insert into channels ${sql({ ...key, role: "subscriber" })} on conflict (instance_id, jid) do nothing`;
  }
  const { role, muted, mutedUntil, name, description, verified, subscribers, inviteCode, createdAt } = fact;
  // Who is not muted has no mute that ends.
  const until = muted === false ? null : mutedUntil;
  const told = {
    updated_at: at,
    ...(role !== undefined && { role }),
    ...(name !== undefined && { name: name && storableText(name) }),
    ...(description !== undefined && { description: description && storableText(description) }),
    ...(muted !== undefined && { muted }),
    ...(until !== undefined && { muted_until: until }),
    ...(verified !== undefined && { verified }),
    ...(subscribers !== undefined && { subscribers }),
    ...(inviteCode !== undefined && { invite_code: inviteCode && storableText(inviteCode) }),
    ...(createdAt !== undefined && { created_at: createdAt }),
  };
  if (role === undefined) {
    return sql`update channels set ${sql(told)} where instance_id = ${instanceId} and jid = ${jid}`;
  }
  return sql`
    insert into channels ${sql({ ...key, ...told })} on conflict (instance_id, jid) do update set ${sql(told)}`;
}
