import type { Account } from "../../model/account.ts";
import { groupsOf } from "../../model/community.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import { createCommunity, createGroup } from "./create.ts";
import { joinCommunity, leaveCommunity } from "./membership.ts";
import { groupNode, summaryNode } from "./nodes.ts";
import { notifyGroup } from "./notify.ts";
import { requireAdmin } from "./permission.ts";

// Source of all requests and answers in this file: Baileys' Socket/communities.ts, and `LinkGroup` and `UnlinkGroup` in
// whatsmeow's group.go.

/** Creates a community, or a group in a community. Returns undefined if the request is for a group outside a community. */
export function createInCommunity(
  change: BinaryNode,
  creator: Account,
  members: readonly Account[],
  world: World,
): BinaryNode | undefined {
  const subject = change.attrs.subject ?? "";
  const parent = child(change, "parent");
  if (parent) {
    const description = readDescription(child(change, "description"), creator, world);
    const community = createCommunity(world, creator, subject, {
      approval: parent.attrs.default_membership_approval_mode ?? "request_required",
      anyoneAdds: child(change, "allow_non_admin_sub_group_creation") !== undefined,
      general: child(change, "create_general_chat") !== undefined,
      ...(description && { description }),
    });
    return groupNode(community);
  }
  const linked = child(change, "linked_parent");
  if (!linked) return undefined;
  const community = communityAt(world, linked.attrs.jid, creator);
  if (!community.community?.anyoneAdds) requireAdmin(community, creator);
  const group = createGroup(world, creator, subject, members, { parent: community });
  link(world, creator, community, group);
  return groupNode(group);
}

function readDescription(element: BinaryNode | undefined, author: Account, world: World): Group["description"] {
  const text = bytes(child(element, "body"))?.toString() ?? "";
  return element?.attrs.id && text ? { id: element.attrs.id, text, author, at: Number(world.seconds) } : undefined;
}

/** Adds groups to a community. The answer has a result for each group. */
export function linkGroups(change: BinaryNode, community: Group, actor: Account, world: World): BinaryNode[] {
  requireCommunityAdmin(community, actor);
  const links = children(change, "link").map((element) => {
    const outcomes = children(element, "group").map(({ attrs }) => {
      const group = world.groups.get(attrs.jid ?? "");
      const error = linkError(group, actor);
      if (group && error === undefined) link(world, actor, community, group);
      return node("group", { jid: attrs.jid, error });
    });
    return node("link", element.attrs, outcomes);
  });
  return [node("links", {}, links)];
}

function linkError(group: Group | undefined, actor: Account): string | undefined {
  if (!group) return "404";
  if (group.community) return "406";
  if (group.parent) return "409";
  return group.isAdmin(actor) ? undefined : "403";
}

/** Adds a group to a community. Adds the group's members to the community, and notifies the members of both. */
function link(world: World, actor: Account, community: Group, group: Group): void {
  group.parent = community;
  joinCommunity(world, actor, group, [...group.members.keys()]);
  notifyGroup(world, group, actor, node("link", { link_type: "parent_group" }, [summaryNode(community)]));
  notifyGroup(world, community, actor, node("link", { link_type: "sub_group" }, [summaryNode(group)]));
}

/** Removes groups from a community. The answer has a result for each group. */
export function unlinkGroups(change: BinaryNode, community: Group, actor: Account, world: World): BinaryNode[] {
  requireCommunityAdmin(community, actor);
  const outcomes = children(change, "group").map(({ attrs }) => {
    const group = world.groups.get(attrs.jid ?? "");
    // A community cannot lose its announcement group.
    const error = group?.parent !== community ? "404" : group.purpose === "announcements" ? "406" : undefined;
    if (group && error === undefined) unlink(world, actor, community, group);
    return node("group", { jid: attrs.jid, error });
  });
  return [node("unlink", change.attrs, outcomes)];
}

/** Removes a group from its community. Accounts that are members of both stay members of both. */
function unlink(world: World, actor: Account, community: Group, group: Group): void {
  group.parent = undefined;
  group.purpose = undefined;
  notifyGroup(world, group, actor, node("unlink", { unlink_type: "parent_group" }, [summaryNode(community)]));
  notifyGroup(world, community, actor, node("unlink", { unlink_type: "sub_group" }, [summaryNode(group)]));
}

/** `sub_groups`: returns all groups of a community. Any member of the community may request them. */
export function subGroups(world: World, community: Group): BinaryNode {
  if (!community.community) throw new Refusal(400, "bad-request");
  return node("sub_groups", {}, groupsOf(world, community).map(summaryNode));
}

export function leaveCommunities(change: BinaryNode, account: Account, world: World): BinaryNode[] {
  return children(change, "community").map(({ attrs }) => {
    leaveCommunity(world, account, communityAt(world, attrs.id, account), account);
    return node("community", { id: attrs.id });
  });
}

/** Returns a community of which the account is a member. */
function communityAt(world: World, jid: string | undefined, account: Account): Group {
  const community = world.groups.get(jid ?? "");
  if (!community?.community) throw new Refusal(404, "item-not-found");
  if (!community.members.has(account)) throw new Refusal(403, "forbidden");
  return community;
}

function requireCommunityAdmin(group: Group, actor: Account): void {
  if (!group.community) throw new Refusal(400, "bad-request");
  requireAdmin(group, actor);
}
