import type { Account } from "../../model/account.ts";
import { createGroup, type Group, groupNode } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { Refusal } from "../iq.ts";
import { createCommunity, depart, groupsOf, link, target, unlink } from "./community.ts";

/** Makes what `create` asks for when it is a community or a group of one; undefined for any other group. */
export function createInCommunity(
  change: BinaryNode,
  creator: Account,
  members: Account[],
  world: World,
): BinaryNode | undefined {
  const subject = change.attrs.subject ?? "";
  const parent = child(change, "parent");
  if (parent) {
    const said = child(change, "description");
    const text = bytes(child(said, "body"))?.toString() ?? "";
    const at = Number(world.seconds);
    const description = said?.attrs.id && text ? { id: said.attrs.id, text, author: creator, at } : undefined;
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
  if (!community.community?.anyoneAdds) adminOnly(community, creator);
  const group = createGroup(world, creator, subject, members, { parent: community });
  link(world, creator, community, group);
  return groupNode(group);
}

/** Puts groups into a community, each with its own outcome. */
export function linkGroups(change: BinaryNode, community: Group, actor: Account, world: World): BinaryNode[] {
  adminOfCommunity(community, actor);
  const links = children(change, "link").map((one) => {
    const outcomes = children(one, "group").map(({ attrs }) => {
      const group = world.groups.get(attrs.jid ?? "");
      const error = !group
        ? "404"
        : group.community
          ? "406"
          : group.parent
            ? "409"
            : group.isAdmin(actor)
              ? undefined
              : "403";
      if (group && error === undefined) link(world, actor, community, group);
      return node("group", { jid: attrs.jid, error });
    });
    return node("link", one.attrs, outcomes);
  });
  return [node("links", {}, links)];
}

/** Takes groups out of a community, each with its own outcome. */
export function unlinkGroups(change: BinaryNode, community: Group, actor: Account, world: World): BinaryNode[] {
  adminOfCommunity(community, actor);
  const outcomes = children(change, "group").map(({ attrs }) => {
    const group = world.groups.get(attrs.jid ?? "");
    // The group for the announcements goes with its community only.
    const error = group?.parent !== community ? "404" : group.purpose === "announcements" ? "406" : undefined;
    if (group && error === undefined) unlink(world, actor, community, group);
    return node("group", { jid: attrs.jid, error });
  });
  return [node("unlink", change.attrs, outcomes)];
}

/** All groups of a community, whoever of its members asks. */
export function subGroups(world: World, community: Group): BinaryNode {
  if (!community.community) throw new Refusal(400, "bad-request");
  return node("sub_groups", {}, groupsOf(world, community).map(target));
}

export function leaveCommunities(change: BinaryNode, account: Account, world: World): BinaryNode[] {
  return children(change, "community").map(({ attrs }) => {
    depart(world, account, communityAt(world, attrs.id, account), account);
    return node("community", { id: attrs.id });
  });
}

function communityAt(world: World, jid: string | undefined, account: Account): Group {
  const community = world.groups.get(jid ?? "");
  if (!community?.community) throw new Refusal(404, "item-not-found");
  if (!community.members.has(account)) throw new Refusal(403, "forbidden");
  return community;
}

function adminOfCommunity(group: Group, actor: Account): void {
  if (!group.community) throw new Refusal(400, "bad-request");
  adminOnly(group, actor);
}

function adminOnly(group: Group, actor: Account): void {
  if (!group.isAdmin(actor)) throw new Refusal(403, "forbidden");
}
