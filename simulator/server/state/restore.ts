import { type Account, Device } from "../../model/account.ts";
import { Channel } from "../../model/channel.ts";
import { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { Phone } from "../../phone/phone.ts";
import { formatJid, GROUP_SERVER } from "../../wire/jid.ts";
import type { Saved, SavedChannel, SavedGroup, SavedPhone } from "./saved.ts";

/** Adds the saved phones, devices, groups and channels to a new world. */
export function restore(saved: Saved, world: World): Phone[] {
  const phones = saved.phones.map((phone) => restorePhone(phone, world));
  for (const [index, { watchers }] of saved.phones.entries()) {
    for (const { number, id } of watchers) {
      const device = world.accounts.get(number)?.companions.get(id);
      if (device) phones[index]?.account.watchers.add(device);
    }
  }
  for (const group of saved.groups) restoreGroup(group, world);
  for (const { id, parent } of saved.groups) {
    const group = world.groups.get(formatJid(id, GROUP_SERVER));
    if (group) group.parent = world.groups.get(parent ?? "");
  }
  for (const channel of saved.channels ?? []) restoreChannel(channel, world);
  return phones;
}

function restoreGroup(saved: SavedGroup, world: World): void {
  const { id, subject, subjectAt, createdAt, creator, members, settings, description } = saved;
  const owner = world.accounts.get(creator);
  if (!owner) throw new Error(`the creator ${creator} of the group ${id} does not exist`);
  const group = new Group(id, subject, owner, createdAt);
  group.subjectAt = subjectAt;
  Object.assign(group, settings);
  const author = description && world.accounts.get(description.author);
  if (author) group.description = { ...description, author };
  group.members.clear();
  for (const [number, role] of members) {
    const account = world.accounts.get(number);
    if (account) group.members.set(account, role);
  }
  world.groups.set(group.jid, group);
}

function restoreChannel(
  { id, name, description, createdAt, followers, muted, posts, ...rest }: SavedChannel,
  world: World,
): void {
  const channel = Object.assign(new Channel(id, name, description, createdAt), rest);
  const byAccount = <Value>(entries: [string, Value][]) =>
    entries.flatMap(([number, value]): [Account, Value][] => {
      const account = world.accounts.get(number);
      return account ? [[account, value]] : [];
    });
  for (const [account, role] of byAccount(followers)) channel.followers.set(account, role);
  for (const [account] of byAccount(muted.map((number) => [number, true]))) channel.muted.add(account);
  for (const { author: number, reactions, ...post } of posts) {
    const author = world.accounts.get(number);
    if (author) channel.posts.push({ ...post, author, reactions: new Map(byAccount(reactions)) });
  }
  world.channels.set(channel.jid, channel);
}

function restorePhone(saved: SavedPhone, world: World): Phone {
  const phone = new Phone(world, saved.options, saved.lid, saved);
  const { account } = phone;
  account.about = saved.about;
  account.picture = saved.picture;
  account.lastSeen = saved.lastSeen;
  account.nextDeviceId = saved.nextDeviceId;
  for (const [name, value] of saved.privacy) account.privacy.set(name, value);
  for (const lid of saved.blocked) account.blocked.add(lid);
  for (const [collection, patches] of saved.appState) {
    account.appState.set(collection, patches);
    phone.appState.pull(collection);
  }
  for (const sent of saved.sent) phone.sent.add(sent);
  for (const message of saved.inbox) phone.inbox.restore(message);
  for (const { id, credentials, preKeys, kept, initialized, counts } of saved.companions) {
    const device = new Device(account, id, credentials);
    for (const [keyId, key] of preKeys) device.preKeys.set(keyId, key);
    for (const stanza of kept) device.kept.keep(stanza);
    Object.assign(device.counts, counts);
    device.initialized = initialized;
    account.companions.set(id, device);
  }
  if (!saved.online) phone.goOffline();
  for (const stanza of saved.held) phone.deliver(stanza);
  world.add(account);
  return phone;
}
