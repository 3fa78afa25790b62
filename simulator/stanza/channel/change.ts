import type { Account } from "../../model/account.ts";
import { Channel } from "../../model/channel.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import { metadata } from "./metadata.ts";

// Each function changes a channel and notifies the devices that WhatsApp notifies. The callers check permissions.

export function createChannel(world: World, owner: Account, name: string, description = ""): Channel {
  const id = `120363${String(400_000_000_000 + world.channels.size + 1)}`;
  const channel = new Channel(id, name, description, Math.floor(world.clock() / 1000));
  channel.followers.set(owner, "owner");
  world.channels.set(channel.jid, channel);
  notifyAccount(world, owner, "Join", "join", metadata(channel, owner));
  return channel;
}

export function follow(world: World, account: Account, channel: Channel): void {
  if (channel.followers.has(account)) return;
  channel.followers.set(account, "subscriber");
  notifyAccount(world, account, "Join", "join", metadata(channel, account));
}

export function unfollow(world: World, account: Account, channel: Channel): void {
  if (!channel.followers.delete(account)) return;
  channel.muted.delete(account);
  notifyAccount(world, account, "Leave", "leave", { id: channel.jid, role: "GUEST" });
}

export function setMuted(world: World, account: Account, channel: Channel, muted: boolean): void {
  if (muted) channel.muted.add(account);
  else channel.muted.delete(account);
  const mute = muted ? "ON" : "OFF";
  notifyAccount(world, account, "UserSettingChange", "mute_change", { id: channel.jid, mute });
}

/** Changes the name, the description, or both, and notifies all followers. */
export function rename(world: World, channel: Channel, change: { name?: string; description?: string }): void {
  Object.assign(channel, change);
  const settings = Object.entries(change).map(([field, text]) => node(field, {}, Buffer.from(text)));
  const update = node("update", {}, [node("settings", {}, settings)]);
  for (const account of channel.followers.keys()) deliverToAccount(account, channelNotice(world, channel, update));
}

/** Makes a follower an admin and notifies it. */
export function promote(world: World, channel: Channel, account: Account): void {
  channel.followers.set(account, "admin");
  const change = node("participant", { jid: account.lidJid, action: "promote", role: "ADMIN" });
  deliverToAccount(account, channelNotice(world, channel, change));
}

/** Deletes a channel and notifies all followers. */
export function removeChannel(world: World, channel: Channel): void {
  world.channels.delete(channel.jid);
  for (const account of channel.followers.keys()) {
    notifyAccount(world, account, "StateChange", "state_change", { id: channel.jid, state: { type: "DELETED" } });
  }
}

/** Builds a notification. Source: `handleNewsletterNotification` in Baileys' Socket/messages-recv.ts, which reads it. */
function channelNotice(world: World, channel: Channel, change: BinaryNode): BinaryNode {
  const attrs = { from: channel.jid, type: "newsletter", id: world.nextId(), t: world.seconds };
  return node("notification", attrs, [change]);
}

/**
 * Notifies the devices of one account, in JSON. Source: `handleMexNewsletterNotification` in Baileys' Socket/messages-recv.ts.
 */
function notifyAccount(world: World, account: Account, operation: string, change: string, data: object): void {
  const content = Buffer.from(JSON.stringify({ data: { [`xwa2_notify_newsletter_on_${change}`]: data } }));
  const update = node("update", { op_name: `NotificationNewsletter${operation}` }, content);
  const attrs = { from: "s.whatsapp.net", type: "mex", id: world.nextId(), t: world.seconds };
  deliverToAccount(account, node("notification", attrs, [update]));
}
