import type { ChannelFact } from "../../../core/channel/fact.ts";
import { storableText } from "../../../core/db/index.ts";
import { defined } from "../../../core/object.ts";
import type { Batch, Writer } from "../writer.ts";

/**
 * Writes channel facts in the order in which they were reported. Channel facts are rare, so each fact has its own
 * statement.
 */
export const channels = {
  independent: true,
  also: ["forgetContacts"],
  async write({ sql, changes }: Batch) {
    await Promise.all(
      changes.flatMap(({ instanceId, change, at }) => [
        change.forgetContacts && sql`delete from channels where instance_id = ${instanceId}`.execute(),
        ...(change.channels ?? []).map((fact) => store(sql, instanceId, fact, at).execute()),
      ]),
    );
  },
} satisfies Writer;

function store(sql: Batch["sql"], instanceId: string, fact: ChannelFact, at: Date) {
  const { jid } = fact;
  if ("gone" in fact) return sql`delete from channels where instance_id = ${instanceId} and jid = ${jid}`;
  const key = { instance_id: instanceId, jid, updated_at: at };
  if ("seen" in fact) {
    return sql`insert into channels ${sql({ ...key, role: "subscriber" })} on conflict (instance_id, jid) do nothing`;
  }
  const { role, muted, mutedUntil, name, description, verified, subscribers, inviteCode, createdAt } = fact;
  // Unmuting also removes the time at which the mute ends.
  const muteEnd = muted === false ? null : mutedUntil;
  const reported = {
    updated_at: at,
    ...defined({
      role,
      name: name && storableText(name),
      description: description && storableText(description),
      muted,
      muted_until: muteEnd,
      verified,
      subscribers,
      invite_code: inviteCode && storableText(inviteCode),
      created_at: createdAt,
    }),
  };
  if (role === undefined) {
    return sql`update channels set ${sql(reported)} where instance_id = ${instanceId} and jid = ${jid}`;
  }
  return sql`
    insert into channels ${sql({ ...key, ...reported })} on conflict (instance_id, jid) do update set ${sql(reported)}`;
}
