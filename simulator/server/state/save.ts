import type { Channel } from "../../model/channel.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import type { Phone } from "../../phone/phone.ts";
import type { Saved, SavedChannel, SavedGroup, SavedPhone } from "./saved.ts";

/** Number of messages of each inbox, of each phone's sent messages and of each channel that are saved. */
const KEPT_MESSAGES = 1000;

/** Returns the state to save. */
export function save(world: World, phones: Iterable<Phone>): Saved {
  return {
    version: 1,
    certificates: world.certificates,
    tls: world.media.tls,
    mediaAuth: world.media.secret,
    files: world.media.files,
    phones: [...phones].map(savePhone),
    groups: [...world.groups.values()].map(saveGroup),
    channels: [...world.channels.values()].map(saveChannel),
  };
}

function saveGroup(group: Group): SavedGroup {
  const { announcement, locked, memberAddMode, approval, ephemeral, inviteCode, picture, community, purpose } = group;
  return {
    id: group.id,
    subject: group.subject,
    subjectAt: group.subjectAt,
    createdAt: group.createdAt,
    creator: group.creator.number,
    members: [...group.members].map(([account, role]) => [account.number, role]),
    settings: { announcement, locked, memberAddMode, approval, ephemeral, inviteCode, picture, community, purpose },
    parent: group.parent?.jid,
    description: group.description && { ...group.description, author: group.description.author.number },
  };
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
      lidMigrated: account.lidMigrated,
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
    ...phone.save(),
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
