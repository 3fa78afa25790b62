import type { Account } from "../../model/account.ts";
import { endsMembership } from "../../model/community.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { children, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import type { GroupChange } from "./group-change.ts";
import { leaveCommunity, updateCommunity } from "./membership.ts";
import { participantNode } from "./nodes.ts";
import { notifyGroup, notifyJoin } from "./notify.ts";
import { requireAdmin } from "./permission.ts";

/**
 * Applies a change to each account in the request. `apply` returns an error code, or undefined on success. Source:
 * `groupParticipantsUpdate` in Baileys' Socket/groups.ts.
 */
function forEachMember(apply: (group: Group, account: Account) => number | undefined): GroupChange {
  return (change, group, actor, world) => {
    if (change.tag !== "add" || group.memberAddMode === "admin_add") requireAdmin(group, actor);
    const succeeded: Account[] = [];
    const outcomes = children(change, "participant").map(({ attrs }) => {
      const account = attrs.jid ? world.accountOf(attrs.jid) : undefined;
      const error = account ? apply(group, account) : 404;
      if (account && error === undefined) succeeded.push(account);
      const jids = account ? { jid: account.lidJid, phone_number: account.pnJid } : { jid: attrs.jid };
      return node("participant", { ...jids, error: error === undefined ? undefined : String(error) });
    });
    if (succeeded.length > 0 && change.tag === "add") notifyJoin(world, group, actor, succeeded);
    else if (succeeded.length > 0) {
      const changed = succeeded.map((account) =>
        participantNode(account, group.members.get(account), group.addressing),
      );
      notifyGroup(world, group, actor, node(change.tag, {}, changed), { also: succeeded });
    }
    updateCommunity(world, actor, group, change.tag, succeeded);
    return [node(change.tag, {}, outcomes)];
  };
}

/** Makes an account a member of a group. Returns 409 if the account already is a member. */
export function joinGroup(group: Group, account: Account): number | undefined {
  if (group.members.has(account)) return 409;
  group.members.set(account, "member");
  group.requests.delete(account);
  return undefined;
}

export const addMembers = forEachMember(joinGroup);

export const removeMembers = forEachMember((group, account) => (group.members.delete(account) ? undefined : 404));

export const promoteMembers = forEachMember((group, account) => {
  if (!group.members.has(account)) return 404;
  if (!group.isAdmin(account)) group.members.set(account, "admin");
  return undefined;
});

/** Nobody can demote the creator of a group. */
export const demoteMembers = forEachMember((group, account) => {
  if (!group.members.has(account)) return 404;
  if (group.members.get(account) === "superadmin") return 406;
  group.members.set(account, "member");
  return undefined;
});

/** Removes an account from a group on its own request. Throws `Refusal` if the account is not a member. */
export function leaveGroup(world: World, account: Account, group: Group): void {
  if (endsMembership(group) && group.members.has(account)) {
    leaveCommunity(world, account, group, account);
    return;
  }
  if (!group.members.delete(account)) throw new Refusal(404, "item-not-found");
  notifyGroup(world, group, account, node("remove", {}, [participantNode(account, "member", group.addressing)]), {
    also: [account],
  });
}
