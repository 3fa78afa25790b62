import type { Account } from "../../model/account.ts";
import { announcementsOf, communityOf, endsMembership, groupsOf } from "../../model/community.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { node } from "../../wire/node.ts";
import { participantNode } from "./nodes.ts";
import { notifyGroup, notifyJoin } from "./notify.ts";

/** Adds members of a group to its community and to the community's announcement group. */
export function joinCommunity(world: World, actor: Account, group: Group, accounts: readonly Account[]): void {
  const community = communityOf(group);
  if (!community) return;
  for (const target of [community, ...announcementsOf(world, community)]) {
    const joined = accounts.filter((account) => !target.members.has(account));
    for (const account of joined) target.members.set(account, "member");
    if (joined.length > 0) notifyJoin(world, target, actor, joined);
  }
}

/**
 * Removes an account from a community and all of its groups.
 * @param group the community, or one of its groups
 */
export function leaveCommunity(world: World, actor: Account, group: Group, account: Account): void {
  const community = communityOf(group);
  if (!community) return;
  for (const left of [...groupsOf(world, community), community]) {
    if (!left.members.delete(account)) continue;
    notifyGroup(world, left, actor, node("remove", {}, [participantNode(account)]), { also: [account] });
  }
}

/**
 * Applies a change of members in one group to the rest of its community.
 * @param tag the change: `add`, `remove`, `promote` or `demote`
 */
export function updateCommunity(
  world: World,
  actor: Account,
  group: Group,
  tag: string,
  accounts: readonly Account[],
): void {
  if (tag === "add") joinCommunity(world, actor, group, accounts);
  if (tag === "remove" && endsMembership(group))
    for (const account of accounts) leaveCommunity(world, actor, group, account);
  if (!group.community || (tag !== "promote" && tag !== "demote")) return;
  // The admins of a community are also the admins of its announcement group.
  for (const announcements of announcementsOf(world, group)) {
    for (const account of accounts) announcements.members.set(account, group.members.get(account) ?? "member");
    const changed = accounts.map((account) => participantNode(account, announcements.members.get(account)));
    notifyGroup(world, announcements, actor, node(tag, {}, changed));
  }
}
