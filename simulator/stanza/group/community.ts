import type { Account } from "../../model/account.ts";
import { createGroup, type Group, notifyGroup, notifyJoin, participantNode } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, node } from "../../wire/node.ts";

/** What a community is beyond a group: nobody writes in it, and other groups belong to it. */
export interface CommunitySettings {
  /** Whether members must be let into its groups. */
  approval: string;
  /** Whether members who are no admins may make groups in it. */
  anyoneAdds: boolean;
}

/** The community that a group is, or belongs to. */
export const communityOf = (group: Group): Group | undefined => (group.community ? group : group.parent);

export function groupsOf(world: World, community: Group): Group[] {
  return [...world.groups.values()].filter((group) => group.parent === community);
}

/** Makes the community and the group for its announcements; with `general` one to talk in, too. */
export function createCommunity(
  world: World,
  creator: Account,
  subject: string,
  settings: CommunitySettings & { description?: Group["description"]; general?: boolean },
): Group {
  const { description, general, ...community } = settings;
  const parent = createGroup(world, creator, subject, [], { community, description });
  createGroup(world, creator, subject, [], { parent, purpose: "announcements", announcement: true });
  if (general) createGroup(world, creator, "General", [], { parent, purpose: "general" });
  return parent;
}

/** How a group is named to those who need not be in it. */
export function target(group: Group): BinaryNode {
  const { id, subject, subjectAt, creator, createdAt, members, purpose } = group;
  const attrs = { id, jid: group.jid, subject, s_t: String(subjectAt), creator: creator.lidJid };
  const more = { creation: String(createdAt), size: String(members.size) };
  return node("group", { ...attrs, ...more }, purpose === "announcements" ? [node("default_sub_group")] : []);
}

/** Puts a group into a community: its members become members there, and all of both are told. */
export function link(world: World, actor: Account, community: Group, group: Group): void {
  group.parent = community;
  enter(world, actor, group, [...group.members.keys()]);
  notifyGroup(world, group, actor, node("link", { link_type: "parent_group" }, [target(community)]));
  notifyGroup(world, community, actor, node("link", { link_type: "sub_group" }, [target(group)]));
}

/** Takes a group out of its community; those who are in both stay in both. */
export function unlink(world: World, actor: Account, community: Group, group: Group): void {
  group.parent = undefined;
  group.purpose = undefined;
  notifyGroup(world, group, actor, node("unlink", { unlink_type: "parent_group" }, [target(community)]));
  notifyGroup(world, community, actor, node("unlink", { unlink_type: "sub_group" }, [target(group)]));
}

/** The group in which the admins of a community write to everybody. */
export function announcementsOf(world: World, community: Group): Group[] {
  return groupsOf(world, community).filter(({ purpose }) => purpose === "announcements");
}

/** Who is in a group of a community is in the community and in the group for its announcements. */
export function enter(world: World, actor: Account, group: Group, accounts: readonly Account[]): void {
  const community = communityOf(group);
  if (!community) return;
  for (const one of [community, ...announcementsOf(world, community)]) {
    const joined = accounts.filter((account) => !one.members.has(account));
    for (const account of joined) one.members.set(account, "member");
    if (joined.length > 0) notifyJoin(world, one, actor, joined);
  }
}

/** Whether leaving this group, or being removed from it, ends the membership in its community. */
export const isGate = (group: Group) => group.community !== undefined || group.purpose === "announcements";

/** Ends somebody's membership in a community and in all of its groups. */
export function depart(world: World, actor: Account, group: Group, account: Account): void {
  const community = communityOf(group);
  if (!community) return;
  for (const one of [...groupsOf(world, community), community]) {
    if (!one.members.delete(account)) continue;
    notifyGroup(world, one, actor, node("remove", {}, [participantNode(account)]), [account]);
  }
}

/** What a change of members of one group means for the rest of its community. */
export function follow(world: World, actor: Account, group: Group, tag: string, accounts: readonly Account[]): void {
  if (tag === "add") enter(world, actor, group, accounts);
  if (tag === "remove" && isGate(group)) for (const account of accounts) depart(world, actor, group, account);
  if (!group.community || (tag !== "promote" && tag !== "demote")) return;
  // Admins of a community are those of its announcements.
  for (const one of announcementsOf(world, group)) {
    for (const account of accounts) one.members.set(account, group.members.get(account) ?? "member");
    const changed = accounts.map((account) => participantNode(account, one.members.get(account)));
    notifyGroup(world, one, actor, node(tag, {}, changed));
  }
}

/** What makes the `group` element one of a community. */
export function communityNodes({ community, parent, purpose }: Group): BinaryNode[] {
  return [
    ...(community ? [node("parent", { default_membership_approval_mode: community.approval })] : []),
    ...(parent ? [node("linked_parent", { jid: parent.jid })] : []),
    ...(purpose === "announcements" ? [node("default_sub_group")] : []),
    ...(purpose === "general" ? [node("general_chat")] : []),
  ];
}
