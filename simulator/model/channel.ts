import { randomBytes } from "node:crypto";
import { CHANNEL_SERVER, formatJid } from "../wire/jid.ts";
import type { Account } from "./account.ts";

/** Returns the part of an invite link after `https://whatsapp.com/channel/`. */
function newChannelInvite(): string {
  return `0029${randomBytes(18)
    .toString("base64")
    .replace(/[^A-Za-z0-9]/g, "0")
    .slice(0, 20)}`;
}

export type ChannelRole = "owner" | "admin" | "subscriber";

/** A channel post. Channel posts are not end-to-end encrypted, so the server can read them. */
export type Post = {
  /** The id that the author of the channel post chose. */
  id: string;
  /** Position of the channel post in the channel. The first post has position 100. */
  serverId: number;
  type: string;
  /** Seconds since the epoch. */
  at: number;
  author: Account;
  plaintext: Buffer;
  deleted: boolean;
  /** One reaction per account. Followers see only the count of each emoji. */
  readonly reactions: Map<Account, string>;
};

/** A channel. Admins publish channel posts, and all followers can read these posts. Followers do not see each other. */
export class Channel {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  name: string;
  description: string;
  verified = false;
  inviteCode = newChannelInvite();
  /** Direct path of the picture on the media host. */
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

  isOwner(account: Account): boolean {
    return this.followers.get(account) === "owner";
  }

  post(serverId: number): Post | undefined {
    return this.posts.find((post) => post.serverId === serverId);
  }
}

/** Returns the number of reactions with each emoji. */
export function reactionCounts({ reactions }: Pick<Post, "reactions">): [emoji: string, count: number][] {
  return [...Map.groupBy(reactions.values(), (emoji) => emoji)].map(([emoji, reacted]) => [emoji, reacted.length]);
}
