import { randomBytes } from "node:crypto";
import type { Picture } from "../stanza/account/picture.ts";
import { type CommunitySettings, communityNodes } from "../stanza/group/community.ts";
import { formatJid, GROUP_SERVER } from "../wire/jid.ts";
import { type BinaryNode, node } from "../wire/node.ts";
import type { Account } from "./account.ts";
import type { Endpoint } from "./device.ts";
import type { World } from "./world.ts";

/** What follows `https://chat.whatsapp.com/`. */
export function newInviteCode(): string {
  return randomBytes(16).toString("base64url");
}

export type Role = "superadmin" | "admin" | "member";

/** A group; its members address each other by LID. */
export class Group {
  readonly id: string;
  readonly creator: Account;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  subject: string;
  subjectAt: number;
  description: { id: string; text: string; author: Account; at: number } | undefined;
  /** Only admins write. */
  announcement = false;
  /** Only admins change subject, description and picture. */
  locked = false;
  /** Who may add members. */
  memberAddMode: "admin_add" | "all_member_add" = "all_member_add";
  /** Whether who follows the invite link must be let in by an admin. */
  approval = false;
  /** Seconds after which messages disappear; 0 is never. */
  ephemeral = 0;
  inviteCode = newInviteCode();
  picture: Picture | undefined;
  /** Who asked to be let in, and when (seconds). */
  readonly requests = new Map<Account, number>();
  readonly members = new Map<Account, Role>();
  /** Of a community, which is a group that others belong to. */
  community: CommunitySettings | undefined;
  /** The community that it belongs to. */
  parent: Group | undefined;
  /** What its community has it for. */
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

/** The `group` element: in answers to queries and in the notification of a new group. */
export function groupNode(group: Group): BinaryNode {
  const { creator } = group;
  const content = [...group.members].map(([account, role]) => participantNode(account, role));
  if (group.announcement) content.push(node("announcement"));
  if (group.locked) content.push(node("locked"));
  if (group.ephemeral > 0) content.push(node("ephemeral", { expiration: String(group.ephemeral) }));
  if (group.approval) content.push(node("membership_approval_mode", {}, [node("group_join", { state: "on" })]));
  content.push(node("member_add_mode", {}, Buffer.from(group.memberAddMode)));
  if (group.description) content.push(descriptionNode(group.description));
  content.push(...communityNodes(group));
  return node(
    "group",
    {
      id: group.id,
      subject: group.subject,
      s_t: String(group.subjectAt),
      s_o: creator.lidJid,
      s_o_pn: creator.pnJid,
      creation: String(group.createdAt),
      creator: creator.lidJid,
      creator_pn: creator.pnJid,
      addressing_mode: "lid",
      size: String(group.members.size),
    },
    content,
  );
}

export function descriptionNode({ id, text, author, at }: NonNullable<Group["description"]>): BinaryNode {
  const attrs = { id, participant: author.lidJid, participant_pn: author.pnJid, t: String(at) };
  return node("description", attrs, [node("body", {}, Buffer.from(text))]);
}

export function participantNode(account: Account, role: Role = "member"): BinaryNode {
  const type = role === "member" ? undefined : role;
  return node("participant", { jid: account.lidJid, phone_number: account.pnJid, type });
}

/** Tells all members' devices (and `also`, who may have just left) what an account changed. */
export function notifyGroup(
  world: World,
  group: Group,
  actor: Account,
  change: BinaryNode,
  also: Account[] = [],
  type = "w:gp2",
): void {
  tell(new Set([...group.members.keys(), ...also]), node("notification", notice(world, group, actor, type), [change]));
}

/** Tells who has come into a group of all of it, and the others who has come. */
export function notifyJoin(world: World, group: Group, actor: Account, joined: Account[], reason?: string): void {
  const attrs = notice(world, group, actor, "w:gp2");
  const came = node(
    "add",
    { reason },
    joined.map((account) => participantNode(account, group.members.get(account))),
  );
  const others = [...group.members.keys()].filter((account) => !joined.includes(account));
  tell(others, node("notification", attrs, [came]));
  tell(joined, node("notification", attrs, [node("create", { reason }, [groupNode(group)])]));
}

function notice(world: World, group: Group, actor: Account, type: string) {
  return {
    from: group.jid,
    type,
    id: world.nextId(),
    t: world.seconds,
    participant: actor.lidJid,
    participant_pn: actor.pnJid,
    notify: actor.pushName,
    addressing_mode: "lid",
  };
}

function tell(accounts: Iterable<Account>, stanza: BinaryNode): void {
  for (const account of accounts) for (const endpoint of account.endpoints()) endpoint.deliver(stanza);
}

/** @throws when the creator names itself or nobody. */
export function createGroup(
  world: World,
  creator: Account,
  subject: string,
  members: Account[],
  more: Partial<Pick<Group, "community" | "parent" | "purpose" | "announcement" | "description">> = {},
): Group {
  const seconds = Math.floor(world.clock() / 1000);
  const id = `120363${String(world.groups.size + 1).padStart(12, "0")}`;
  const group = Object.assign(new Group(id, subject, creator, seconds), more);
  for (const account of members) if (account !== creator) group.members.set(account, "member");
  world.groups.set(group.jid, group);
  notifyGroup(world, group, creator, node("create", { type: "new", key: world.nextId() }, [groupNode(group)]));
  return group;
}
