import type { Account } from "../../model/account.ts";
import type { Channel, ChannelRole } from "../../model/channel.ts";
import type { World } from "../../model/world.ts";
import { Refusal } from "../errors.ts";
import * as channels from "./change.ts";
import { channelSummary, metadata } from "./metadata.ts";

export type Variables = { newsletter_id?: string; [name: string]: unknown };
type QueryContext = { world: World; account: Account };

/** Answers a query of an account. Returns the data of the answer. Throws `Refusal`. */
export type QueryHandler = (context: QueryContext, variables: Variables) => unknown;

export const create: QueryHandler = ({ world, account }, { input }) => {
  const { name, description } = (input ?? {}) as { name?: string; description?: string | null };
  if (!name?.trim()) throw new Refusal(400, "a channel needs a name");
  return metadata(channels.createChannel(world, account, name, description ?? ""), account);
};

export const update: QueryHandler = (context, variables) => {
  const { world, account } = context;
  const channel = followedChannel(context, variables);
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

/** Sets the about text. Source: `SetStatusMessage` in whatsmeow's user.go, which ignores the answer. */
export const setAbout: QueryHandler = ({ account }, { input }) => {
  const { text } = (input ?? {}) as { text?: unknown };
  if (typeof text !== "string") throw new Refusal(400, "the about text is missing");
  account.about = text;
  return { success: true };
};

/** Finds a channel by its JID, or by its invite code with type `INVITE`. */
export const find: QueryHandler = ({ world, account }, { input }) => {
  const { key, type } = (input ?? {}) as { key?: string; type?: string };
  const channel =
    type === "INVITE"
      ? [...world.channels.values()].find(({ inviteCode }) => inviteCode === key)
      : world.channels.get(key ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return metadata(channel, account);
};

export const countSubscribers: QueryHandler = (context, variables) => ({
  subscribers_count: String(ownedChannel(context, variables).followers.size),
});

export const countAdmins: QueryHandler = (context, variables) => {
  const { jid, followers } = ownedChannel(context, variables);
  return { id: jid, admin_count: [...followers.values()].filter((role) => role !== "subscriber").length };
};

export const follow: QueryHandler = ({ world, account }, variables) => {
  const channel = requestedChannel(world, variables);
  channels.follow(world, account, channel);
  return channelSummary(channel);
};

export const unfollow: QueryHandler = (context, variables) => {
  const channel = followedChannel(context, variables);
  if (channel.isOwner(context.account)) throw new Refusal(403, "an owner cannot leave");
  channels.unfollow(context.world, context.account, channel);
  return channelSummary(channel);
};

export const mute =
  (muted: boolean): QueryHandler =>
  (context, variables) => {
    const channel = followedChannel(context, variables);
    channels.setMuted(context.world, context.account, channel, muted);
    return channelSummary(channel);
  };

export const changeOwner: QueryHandler = (context, variables) => {
  const channel = ownedChannel(context, variables);
  setRole(context.world, channel, variables.user_id, "owner");
  channel.followers.set(context.account, "admin");
  return channelSummary(channel);
};

export const demote: QueryHandler = (context, variables) => {
  const channel = ownedChannel(context, variables);
  setRole(context.world, channel, variables.user_id, "subscriber");
  return channelSummary(channel);
};

export const remove: QueryHandler = (context, variables) => {
  const channel = ownedChannel(context, variables);
  channels.removeChannel(context.world, channel);
  return { id: channel.jid, state: { type: "DELETED" } };
};

function requestedChannel(world: World, { newsletter_id: jid }: Variables): Channel {
  const channel = world.channels.get(jid ?? "");
  if (!channel) throw new Refusal(404, "Not Found");
  return channel;
}

function followedChannel({ world, account }: QueryContext, variables: Variables): Channel {
  const channel = requestedChannel(world, variables);
  if (!channel.followers.has(account)) throw new Refusal(403, "not a follower");
  return channel;
}

function ownedChannel({ world, account }: QueryContext, variables: Variables): Channel {
  const channel = requestedChannel(world, variables);
  if (!channel.isOwner(account)) throw new Refusal(403, "not the owner");
  return channel;
}

function setRole(world: World, channel: Channel, jid: unknown, role: ChannelRole): void {
  const account = world.accountOf(String(jid));
  if (!account || !channel.followers.has(account)) throw new Refusal(404, "not a follower");
  channel.followers.set(account, role);
}
