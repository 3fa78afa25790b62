import type { ChannelRole } from "./channel.sql.ts";

/**
 * What was told of a channel; what is absent was not. With a role it is one that the account follows or runs, without one it is
 * news of such a channel and of no interest otherwise. A mute that ends is no mute without end: `muted` alone leaves `mutedUntil`.
 */
export type ChannelFact =
  | { jid: string; gone: true }
  /** Something came from it: it is followed, in whichever role. */
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
