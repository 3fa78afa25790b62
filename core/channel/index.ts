import type { Database } from "../db/index.ts";
import type { ChannelRole } from "./channel.sql.ts";

/** A channel that the account follows or runs, as it was last told. */
export interface Channel {
  jid: string;
  name: string | null;
  description: string | null;
  role: ChannelRole;
  muted: boolean;
  /** When a mute that was asked for a time ends. */
  mutedUntil: Date | null;
  verified: boolean;
  subscribers: number | null;
  inviteCode: string | null;
  createdAt: Date | null;
}

/** The channels of an instance, by name. WhatsApp tells linked devices of changes only, so what it never told of is not here. */
export async function readChannels(db: Database, instanceId: string): Promise<Channel[]> {
  return await db.sql<Channel[]>`
    select jid, name, description, role, muted, muted_until as "mutedUntil", verified, subscribers,
      invite_code as "inviteCode", created_at as "createdAt"
    from channels where instance_id = ${instanceId}
    order by lower(coalesce(name, jid)) collate "und-x-icu", jid`;
}
