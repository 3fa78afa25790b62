import type { Account } from "../../model/account.ts";
import type { Channel } from "../../model/channel.ts";

/**
 * Returns a channel as one account sees it, in the JSON of WhatsApp's GraphQL API. Source: `parseNewsletterMetadata` in
 * Baileys' Socket/newsletter.ts.
 */
export function metadata(channel: Channel, viewer: Account) {
  const { name, description, createdAt, inviteCode, picture, followers } = channel;
  const stamp = String(createdAt * 1_000_000);
  const role = followers.get(viewer)?.toUpperCase() ?? "GUEST";
  return {
    id: channel.jid,
    state: { type: "ACTIVE" },
    thread_metadata: {
      creation_time: String(createdAt),
      name: { id: stamp, text: name, update_time: stamp },
      description: { id: stamp, text: description, update_time: stamp },
      handle: null,
      invite: inviteCode,
      picture: { id: stamp, type: "IMAGE", direct_path: picture ?? "" },
      preview: { id: stamp, type: "PREVIEW", direct_path: picture ?? "" },
      settings: { reaction_codes: { value: "ALL" } },
      subscribers_count: String([...followers.values()].filter((followerRole) => followerRole === "subscriber").length),
      verification: channel.verified ? "VERIFIED" : "UNVERIFIED",
    },
    viewer_metadata: { mute: channel.muted.has(viewer) ? "ON" : "OFF", role },
  };
}

/** Returns the short form of a channel, which answers a change. */
export const channelSummary = (channel: Channel) => ({ id: channel.jid, state: { type: "ACTIVE" } });
