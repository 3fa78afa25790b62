import type { Database } from "../db/index.ts";
import type { ChannelRole } from "./channel.sql.ts";

/** A channel that the account follows or runs, as last reported. */
export interface Channel {
  jid: string;
  name: string | null;
  description: string | null;
  role: ChannelRole;
  muted: boolean;
  /** When a temporary mute ends. */
  mutedUntil: Date | null;
  verified: boolean;
  subscribers: number | null;
  inviteCode: string | null;
  createdAt: Date | null;
}

/**
 * Lists the channels of an instance by name. WhatsApp reports only changes to linked devices, so channels that it never
 * reported are missing.
 */
export async function readChannels(db: Database, instanceId: string): Promise<Channel[]> {
  return await db.sql<Channel[]>`
    select jid, name, description, role, muted, muted_until as "mutedUntil", verified, subscribers,
      invite_code as "inviteCode", created_at as "createdAt"
    from channels where instance_id = ${instanceId}
    order by lower(coalesce(name, jid)) collate "und-x-icu", jid`;
}
