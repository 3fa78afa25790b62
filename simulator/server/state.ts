import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import type { Account } from "../model/account.ts";
import { Channel, type ChannelRole, type Post } from "../model/channel.ts";
import { type Credentials, Device, type DeviceCounts } from "../model/device.ts";
import { Group, type Role } from "../model/group.ts";
import type { World } from "../model/world.ts";
import type { InboxMessage } from "../phone/mailbox/inbox.ts";
import type { SentMessage } from "../phone/mailbox/sent.ts";
import { Phone, type PhoneOptions } from "../phone/phone.ts";
import type { SenderKeyRingState } from "../phone/signal/sender-key.ts";
import type { SignalState } from "../phone/signal/signal-store.ts";
import type { Picture } from "../stanza/account/picture.ts";
import type { Certificates } from "../wire/certificate.ts";
import { formatJid, GROUP_SERVER } from "../wire/jid.ts";
import type { BinaryNode } from "../wire/node.ts";
import type { TlsIdentity } from "../wire/x509.ts";

type SavedDevice = {
  id: number;
  credentials: Credentials;
  preKeys: Map<number, Buffer>;
  kept: BinaryNode[];
  initialized: boolean;
  counts: DeviceCounts;
};

/** What a phone keeps to itself. */
export type SavedPhone = {
  options: PhoneOptions;
  lid: string;
  about: string;
  privacy: Map<string, string>;
  blocked: Set<string>;
  picture: Picture | undefined;
  lastSeen: number | undefined;
  appState: Map<string, Buffer[]>;
  nextDeviceId: number;
  signal: SignalState;
  appStateKey: { id: Buffer; data: Buffer };
  senderKeys: SenderKeyRingState;
  sent: SentMessage[];
  inbox: InboxMessage[];
  online: boolean;
  held: BinaryNode[];
  companions: SavedDevice[];
  watchers: { number: string; id: number }[];
};

type SavedGroup = {
  id: string;
  subject: string;
  subjectAt: number;
  createdAt: number;
  creator: string;
  members: [string, Role][];
  settings: Pick<
    Group,
    "announcement" | "locked" | "memberAddMode" | "approval" | "ephemeral" | "inviteCode" | "picture"
  > &
    Partial<Pick<Group, "community" | "purpose">>;
  /** JID of its community. Absent in a state of the time before there were any. */
  parent?: string | undefined;
  description: { id: string; text: string; author: string; at: number } | undefined;
};

type SavedChannel = Pick<
  Channel,
  "id" | "name" | "description" | "createdAt" | "verified" | "inviteCode" | "picture"
> & {
  followers: [string, ChannelRole][];
  muted: string[];
  posts: (Omit<Post, "author" | "reactions"> & { author: string; reactions: [string, string][] })[];
};

/** Everything that outlives the server: keys, accounts, devices, their queues, groups, media. Not the sockets. */
export type Saved = {
  version: 1;
  certificates: Certificates;
  tls: TlsIdentity;
  mediaAuth: string;
  files: Map<string, Buffer>;
  phones: SavedPhone[];
  groups: SavedGroup[];
  /** Absent in a state of the time before there were any. */
  channels?: SavedChannel[];
};

/** How much of each phone's inbox and outbox is kept; older messages are forgotten at a restart. */
const KEPT_MESSAGES = 1000;

/** @throws when the file is there but is not a state of this version. */
export function readState(file: string): Saved | undefined {
  if (!existsSync(file)) return undefined;
  const saved = deserialize(readFileSync(file)) as Saved;
  if (saved.version !== 1) throw new Error(`${file} is not a state of this simulator`);
  return saved;
}

/** Replaces the file at once; it holds private keys, so only its owner may read it. */
export function writeState(file: string, world: World, phones: Iterable<Phone>): void {
  const saved: Saved = {
    version: 1,
    certificates: world.certificates,
    tls: world.media.tls,
    mediaAuth: world.media.auth,
    files: world.media.files,
    phones: [...phones].map(savePhone),
    groups: [...world.groups.values()].map((group) => ({
      id: group.id,
      subject: group.subject,
      subjectAt: group.subjectAt,
      createdAt: group.createdAt,
      creator: group.creator.number,
      members: [...group.members].map(([account, role]) => [account.number, role]),
      settings: {
        announcement: group.announcement,
        locked: group.locked,
        memberAddMode: group.memberAddMode,
        approval: group.approval,
        ephemeral: group.ephemeral,
        inviteCode: group.inviteCode,
        picture: group.picture,
        community: group.community,
        purpose: group.purpose,
      },
      parent: group.parent?.jid,
      description: group.description && { ...group.description, author: group.description.author.number },
    })),
    channels: [...world.channels.values()].map(saveChannel),
  };
  writeFileSync(`${file}.new`, serialize(saved), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function saveChannel(channel: Channel): SavedChannel {
  const { id, name, description, createdAt, verified, inviteCode, picture } = channel;
  return {
    ...{ id, name, description, createdAt, verified, inviteCode, picture },
    followers: [...channel.followers].map(([{ number }, role]) => [number, role]),
    muted: [...channel.muted].map(({ number }) => number),
    posts: channel.posts.slice(-KEPT_MESSAGES).map((post) => ({
      ...post,
      author: post.author.number,
      reactions: [...post.reactions].map(([{ number }, emoji]) => [number, emoji]),
    })),
  };
}

function savePhone(phone: Phone): SavedPhone {
  const { account } = phone;
  const { business } = account;
  return {
    options: {
      number: account.number,
      pushName: account.pushName,
      ...(business && { business }),
      addressing: phone.addressing,
      autoRead: phone.autoRead,
      history: phone.history,
      historyTransport: phone.historyTransport,
    },
    lid: account.lid,
    about: account.about,
    privacy: account.privacy,
    blocked: account.blocked,
    picture: account.picture,
    lastSeen: account.lastSeen,
    appState: account.appState,
    nextDeviceId: account.nextDeviceId,
    signal: phone.signal.save(),
    appStateKey: { id: phone.sync.keyId, data: phone.sync.keyData },
    senderKeys: phone.receivedSenderKeys(),
    sent: [...phone.sent.values()].slice(-KEPT_MESSAGES),
    inbox: phone.inbox.messages.slice(-KEPT_MESSAGES),
    online: phone.online,
    held: [...phone.held],
    companions: phone.devices.map(({ id, credentials, preKeys, kept, initialized, counts }) => ({
      id,
      credentials,
      preKeys,
      kept: [...kept],
      initialized,
      counts,
    })),
    watchers: [...account.watchers].map((device) => ({ number: device.account.number, id: device.id })),
  };
}

/** Puts a saved world's phones, devices and groups into a new one. */
export function restore(saved: Saved, world: World): Phone[] {
  const phones = saved.phones.map((one) => restorePhone(one, world));
  for (const [index, { watchers }] of saved.phones.entries()) {
    for (const { number, id } of watchers) {
      const device = world.accounts.get(number)?.companions.get(id);
      if (device) phones[index]?.account.watchers.add(device);
    }
  }
  for (const { id, subject, subjectAt, createdAt, creator, members, settings, description } of saved.groups) {
    const owner = world.accounts.get(creator);
    if (!owner) throw new Error(`the group ${id} was created by nobody`);
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
  for (const { id, parent } of saved.groups) {
    const group = world.groups.get(formatJid(id, GROUP_SERVER));
    if (group) group.parent = world.groups.get(parent ?? "");
  }
  for (const channel of saved.channels ?? []) restoreChannel(channel, world);
  return phones;
}

function restoreChannel(
  { id, name, description, createdAt, followers, muted, posts, ...rest }: SavedChannel,
  world: World,
): void {
  const channel = Object.assign(new Channel(id, name, description, createdAt), rest);
  const known = <Value>(entries: [string, Value][]) =>
    entries.flatMap(([number, value]): [Account, Value][] => {
      const account = world.accounts.get(number);
      return account ? [[account, value]] : [];
    });
  for (const [account, role] of known(followers)) channel.followers.set(account, role);
  for (const [account] of known(muted.map((number) => [number, true]))) channel.muted.add(account);
  for (const { author: number, reactions, ...post } of posts) {
    const author = world.accounts.get(number);
    if (author) channel.posts.push({ ...post, author, reactions: new Map(known(reactions)) });
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
