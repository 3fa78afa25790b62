import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import type { DeviceCounts } from "../../model/account.ts";
import type { Channel, ChannelRole, Post } from "../../model/channel.ts";
import type { Group, Role } from "../../model/group.ts";
import type { Credentials } from "../../model/link/credentials.ts";
import type { Picture } from "../../model/media-store.ts";
import type { InboxMessage } from "../../phone/mailbox/inbox.ts";
import type { SentMessage } from "../../phone/mailbox/sent.ts";
import type { PhoneKeys, PhoneOptions } from "../../phone/phone.ts";
import type { Certificates } from "../../wire/certificate.ts";
import type { BinaryNode } from "../../wire/node.ts";
import type { TlsIdentity } from "../../wire/x509.ts";

export type SavedDevice = {
  id: number;
  credentials: Credentials;
  preKeys: Map<number, Buffer>;
  kept: BinaryNode[];
  initialized: boolean;
  counts: DeviceCounts;
};

export type SavedPhone = PhoneKeys & {
  options: PhoneOptions;
  lid: string;
  about: string;
  privacy: Map<string, string>;
  blocked: Set<string>;
  picture: Picture | undefined;
  lastSeen: number | undefined;
  appState: Map<string, Buffer[]>;
  nextDeviceId: number;
  sent: SentMessage[];
  inbox: InboxMessage[];
  online: boolean;
  held: BinaryNode[];
  companions: SavedDevice[];
  watchers: { number: string; id: number }[];
};

export type SavedGroup = {
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
  /** JID of the group's community. Absent in old state files. */
  parent?: string | undefined;
  description: { id: string; text: string; author: string; at: number } | undefined;
};

export type SavedChannel = Pick<
  Channel,
  "id" | "name" | "description" | "createdAt" | "verified" | "inviteCode" | "picture"
> & {
  followers: [string, ChannelRole][];
  muted: string[];
  posts: (Omit<Post, "author" | "reactions"> & { author: string; reactions: [string, string][] })[];
};

/** The content of the state file: keys, accounts, devices with their queues, groups, channels and media. */
export type Saved = {
  version: 1;
  certificates: Certificates;
  tls: TlsIdentity;
  mediaAuth: string;
  files: Map<string, Buffer>;
  phones: SavedPhone[];
  groups: SavedGroup[];
  /** Absent in old state files. */
  channels?: SavedChannel[];
};

/** Reads a state file. Returns undefined if the file does not exist. Throws if the file has another version. */
export function readState(file: string): Saved | undefined {
  if (!existsSync(file)) return undefined;
  const saved = deserialize(readFileSync(file)) as Saved;
  if (saved.version !== 1) throw new Error(`the state file ${file} has the unknown version ${saved.version}`);
  return saved;
}

/** Replaces the state file atomically. It contains private keys, so only its owner may read it. */
export function writeState(file: string, saved: Saved): void {
  writeFileSync(`${file}.new`, serialize(saved), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
