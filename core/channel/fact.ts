import type { ChannelRole } from "./channel.sql.ts";

/**
 * The data that WhatsApp reports about a channel. Absent fields were not reported. With a role, the account follows or
 * runs the channel. Without a role, the fact only updates a channel that is already known. `muted` without `mutedUntil`
 * keeps the stored end of the mute.
 */
export type ChannelFact =
  | { jid: string; gone: true }
  /** A message or an update came from the channel, so the account follows it in some role. */
  | { jid: string; seen: true }
  | ({ jid: string; role?: ChannelRole } & {
      name?: string | null;
      description?: string | null;
      muted?: boolean;
      mutedUntil?: Date | null;
      verified?: boolean;
      subscribers?: number | null;
      inviteCode?: string | null;
      createdAt?: Date | null;
    });
