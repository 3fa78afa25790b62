import { randomBytes } from "node:crypto";
import { formatJid } from "../wire/jid.ts";
import { node } from "../wire/node.ts";
import type { Account } from "./account.ts";
import type { World } from "./world.ts";

export const CHANNEL_SERVER = "newsletter";
export const isChannelJid = (text: string): boolean => text.endsWith(`@${CHANNEL_SERVER}`);

/** What follows `https://whatsapp.com/channel/`. */
function newChannelInvite(): string {
  return `0029${randomBytes(18)
    .toString("base64")
    .replace(/[^A-Za-z0-9]/g, "0")
    .slice(0, 20)}`;
}

export type ChannelRole = "owner" | "admin" | "subscriber";

/** What was posted; the server reads it, as nothing in a channel is encrypted. */
export type Post = {
  /** The id that its author chose. */
  id: string;
  /** Counted in the channel, from 100 as on WhatsApp. */
  serverId: number;
  type: string;
  /** Seconds since the epoch. */
  at: number;
  author: Account;
  plaintext: Buffer;
  deleted: boolean;
  /** One for each person. Followers see only how many there are of each. */
  readonly reactions: Map<Account, string>;
};

/** A channel: few write, all who follow read. Nobody sees who the others are. */
export class Channel {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  name: string;
  description: string;
  verified = false;
  inviteCode = newChannelInvite();
  /** Direct path on the media host. */
  picture: string | undefined;
  readonly followers = new Map<Account, ChannelRole>();
  readonly muted = new Set<Account>();
  readonly posts: Post[] = [];

  constructor(id: string, name: string, description: string, createdAt: number) {
    this.id = id;
    this.name = name;
    this.description = description;
    this.createdAt = createdAt;
  }

  get jid(): string {
    return formatJid(this.id, CHANNEL_SERVER);
  }

  mayPost(account: Account): boolean {
    const role = this.followers.get(account);
    return role === "owner" || role === "admin";
  }

  post(serverId: number): Post | undefined {
    return this.posts.find((post) => post.serverId === serverId);
  }
}

export function createChannel(world: World, owner: Account, name: string, description = ""): Channel {
  const id = `120363${String(400_000_000_000 + world.channels.size + 1)}`;
  const channel = new Channel(id, name, description, Math.floor(world.clock() / 1000));
  channel.followers.set(owner, "owner");
  world.channels.set(channel.jid, channel);
  tellOwnDevices(world, owner, "Join", "join", metadata(channel, owner));
  return channel;
}

export function follow(world: World, account: Account, channel: Channel): void {
  if (channel.followers.has(account)) return;
  channel.followers.set(account, "subscriber");
  tellOwnDevices(world, account, "Join", "join", metadata(channel, account));
}

export function unfollow(world: World, account: Account, channel: Channel): void {
  if (!channel.followers.delete(account)) return;
  channel.muted.delete(account);
  tellOwnDevices(world, account, "Leave", "leave", { id: channel.jid, role: "GUEST" });
}

export function setMuted(world: World, account: Account, channel: Channel, muted: boolean): void {
  if (muted) channel.muted.add(account);
  else channel.muted.delete(account);
  const mute = muted ? "ON" : "OFF";
  tellOwnDevices(world, account, "UserSettingChange", "mute_change", { id: channel.jid, mute });
}

/** All who follow are told the new name and description, as Baileys reads it. */
export function rename(world: World, channel: Channel, change: { name?: string; description?: string }): void {
  Object.assign(channel, change);
  const settings = Object.entries(change).map(([field, text]) => node(field, {}, Buffer.from(text)));
  const update = node("update", {}, [node("settings", {}, settings)]);
  for (const account of channel.followers.keys()) {
    const attrs = { from: channel.jid, type: "newsletter", id: world.nextId(), t: world.seconds };
    for (const endpoint of account.endpoints()) endpoint.deliver(node("notification", attrs, [update]));
  }
}

/** Lets a follower post, and tells it so. */
export function promote(world: World, channel: Channel, account: Account): void {
  channel.followers.set(account, "admin");
  const change = node("participant", { jid: account.lidJid, action: "promote", role: "ADMIN" });
  const attrs = { from: channel.jid, type: "newsletter", id: world.nextId(), t: world.seconds };
  for (const endpoint of account.endpoints()) endpoint.deliver(node("notification", attrs, [change]));
}

/** It is gone for all who follow. */
export function removeChannel(world: World, channel: Channel): void {
  world.channels.delete(channel.jid);
  for (const account of channel.followers.keys()) {
    tellOwnDevices(world, account, "StateChange", "state_change", { id: channel.jid, state: { type: "DELETED" } });
  }
}

function tellOwnDevices(world: World, account: Account, operation: string, change: string, data: object): void {
  const content = Buffer.from(JSON.stringify({ data: { [`xwa2_notify_newsletter_on_${change}`]: data } }));
  const update = node("update", { op_name: `NotificationNewsletter${operation}` }, content);
  const attrs = { from: "s.whatsapp.net", type: "mex", id: world.nextId(), t: world.seconds };
  for (const endpoint of account.endpoints()) endpoint.deliver(node("notification", attrs, [update]));
}

/** A channel as one account sees it, in the shape of WhatsApp's GraphQL. */
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
      subscribers_count: String([...followers.values()].filter((one) => one === "subscriber").length),
      verification: channel.verified ? "VERIFIED" : "UNVERIFIED",
    },
    viewer_metadata: { mute: channel.muted.has(viewer) ? "ON" : "OFF", role },
  };
}
