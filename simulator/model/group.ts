import { randomBytes } from "node:crypto";
import { formatJid, GROUP_SERVER } from "../wire/jid.ts";
import type { Account, Endpoint } from "./account.ts";
import type { Picture } from "./media-store.ts";

/** Returns the part of an invite link after `https://chat.whatsapp.com/`. */
export function newInviteCode(): string {
  return randomBytes(16).toString("base64url");
}

export type Role = "superadmin" | "admin" | "member";

/** The settings of a community, which is a group that contains other groups and in which nobody writes. */
export interface CommunitySettings {
  /** Initial membership approval mode of the community's groups. */
  approval: string;
  /** Whether any member may create groups in the community. */
  anyoneAdds: boolean;
}

/** How the stanzas of a group name its members: by LID, or in an older group by phone number. */
export type GroupAddressing = "lid" | "pn";

/** A group. */
export class Group {
  readonly id: string;
  readonly creator: Account;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  addressing: GroupAddressing = "lid";
  subject: string;
  subjectAt: number;
  description: { id: string; text: string; author: Account; at: number } | undefined;
  /** Whether only admins may send messages. */
  announcement = false;
  /** Whether only admins may change subject, description and picture. */
  locked = false;
  /** Who may add members. */
  memberAddMode: "admin_add" | "all_member_add" = "all_member_add";
  /** Whether an admin must approve people who follow the invite link. */
  approval = false;
  /** Seconds after which messages disappear; 0 means never. */
  ephemeral = 0;
  inviteCode = newInviteCode();
  picture: Picture | undefined;
  /** Requests to join, with their time in seconds since the epoch. */
  readonly requests = new Map<Account, number>();
  readonly members = new Map<Account, Role>();
  /** Set only for a community. */
  community: CommunitySettings | undefined;
  /** The community that contains this group. */
  parent: Group | undefined;
  /** Set only for the groups that WhatsApp creates together with a community. */
  purpose: "announcements" | "general" | undefined;

  constructor(id: string, subject: string, creator: Account, createdAt: number) {
    this.id = id;
    this.subject = subject;
    this.creator = creator;
    this.createdAt = createdAt;
    this.subjectAt = createdAt;
    this.members.set(creator, "superadmin");
  }

  get jid(): string {
    return formatJid(this.id, GROUP_SERVER);
  }

  isAdmin(account: Account): boolean {
    const role = this.members.get(account);
    return role === "admin" || role === "superadmin";
  }

  *endpoints(): IterableIterator<Endpoint> {
    for (const account of this.members.keys()) yield* account.endpoints();
  }
}
