import type { Account } from "../../model/account.ts";
import type { Channel, ChannelRole } from "../../model/channel.ts";
import type { World } from "../../model/world.ts";
import { Refusal } from "../errors.ts";
import * as channels from "./change.ts";
import { brief, metadata } from "./metadata.ts";

export type Variables = { newsletter_id?: string; [name: string]: unknown };
type Asker = { world: World; account: Account };

/** Returns the data of the answer. Throws `Refusal`. */
export type QueryHandler = (asker: Asker, variables: Variables) => unknown;

export const create: QueryHandler = ({ world, account }, { input }) => {
  const { name, description } = (input ?? {}) as { name?: string; description?: string | null };
  if (!name?.trim()) throw new Refusal(400, "a channel needs a name");
  return metadata(channels.createChannel(world, account, name, description ?? ""), account);
};

export const update: QueryHandler = (asker, variables) => {
  const { world, account } = asker;
  const channel = followed(asker, variables);
  if (!channel.mayPost(account)) throw new Refusal(403, "only admins change a channel");
  const { name, description, picture } = (variables.updates ?? {}) as Record<string, string | undefined>;
  if (name !== undefined && !name.trim()) throw new Refusal(400, "a channel needs a name");
  const texts = { ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
  if (Object.keys(texts).length > 0) channels.rename(world, channel, texts);
  if (picture !== undefined) {
    channel.picture = picture === "" ? undefined : world.media.put("pps", Buffer.from(picture, "base64"));
  }
  return metadata(channel, account);
};

/** Finds a channel by its JID, or by its invite code with type `INVITE`. */
export const find: QueryHandler = ({ world, account }, { input }) => {
  const { key, type } = (input ?? {}) as { key?: string; type?: string };
  const channel =
    type === "INVITE"
      ? [...world.channels.values()].find((one) => one.inviteCode === key)
      : world.channels.get(key ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return metadata(channel, account);
};

export const countSubscribers: QueryHandler = (asker, variables) => ({
  subscribers_count: String(owned(asker, variables).followers.size),
});

export const countAdmins: QueryHandler = (asker, variables) => {
  const { jid, followers } = owned(asker, variables);
  return { id: jid, admin_count: [...followers.values()].filter((role) => role !== "subscriber").length };
};

export const follow: QueryHandler = ({ world, account }, variables) => {
  const channel = named(world, variables);
  channels.follow(world, account, channel);
  return brief(channel);
};

export const unfollow: QueryHandler = (asker, variables) => {
  const channel = followed(asker, variables);
  if (channel.isOwner(asker.account)) throw new Refusal(403, "an owner cannot leave");
  channels.unfollow(asker.world, asker.account, channel);
  return brief(channel);
};

export const mute =
  (muted: boolean): QueryHandler =>
  (asker, variables) => {
    const channel = followed(asker, variables);
    channels.setMuted(asker.world, asker.account, channel, muted);
    return brief(channel);
  };

export const changeOwner: QueryHandler = (asker, variables) => {
  const channel = owned(asker, variables);
  setRole(asker.world, channel, variables.user_id, "owner");
  channel.followers.set(asker.account, "admin");
  return brief(channel);
};

export const demote: QueryHandler = (asker, variables) => {
  const channel = owned(asker, variables);
  setRole(asker.world, channel, variables.user_id, "subscriber");
  return brief(channel);
};

export const remove: QueryHandler = (asker, variables) => {
  const channel = owned(asker, variables);
  channels.removeChannel(asker.world, channel);
  return { id: channel.jid, state: { type: "DELETED" } };
};

function named(world: World, { newsletter_id: jid }: Variables): Channel {
  const channel = world.channels.get(jid ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return channel;
}

function followed({ world, account }: Asker, variables: Variables): Channel {
  const channel = named(world, variables);
  if (!channel.followers.has(account)) throw new Refusal(403, "not a follower");
  return channel;
}

function owned({ world, account }: Asker, variables: Variables): Channel {
  const channel = named(world, variables);
  if (!channel.isOwner(account)) throw new Refusal(403, "not the owner");
  return channel;
}

function setRole(world: World, channel: Channel, jid: unknown, role: ChannelRole): void {
  const account = world.accountOf(String(jid));
  if (!account || !channel.followers.has(account)) throw new Refusal(404, "not a follower");
  channel.followers.set(account, role);
}
