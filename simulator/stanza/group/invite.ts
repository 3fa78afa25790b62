import type { Account } from "../../model/account.ts";
import { type Group, newInviteCode } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, children, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import type { GroupChange } from "./group-change.ts";
import { joinGroup } from "./members.ts";
import { joinCommunity } from "./membership.ts";
import { participantNode } from "./nodes.ts";
import { notifyGroup, notifyJoin } from "./notify.ts";
import { requireAdmin } from "./permission.ts";

/**
 * Returns the group of an invite code. Throws 404 if the code is unknown or revoked. WhatsApp answers 406 or 410
 * (`GetGroupInfoFromLink` in whatsmeow's group.go), which the simulator does not distinguish.
 */
export function groupOfInvite(world: World, code: string): Group {
  for (const group of world.groups.values()) if (group.inviteCode === code) return group;
  throw new Refusal(404, "item-not-found");
}

/** Follows an invite link: joins the group or, if an admin must approve, requests to join. Throws `Refusal`. */
export function followInvite(world: World, account: Account, code: string): BinaryNode {
  const group = groupOfInvite(world, code);
  if (group.members.has(account)) throw new Refusal(409, "conflict");
  if (group.approval) {
    group.requests.set(account, Number(world.seconds));
    const notice = node("created_membership_requests", { request_method: "invite_link" }, [participantNode(account)]);
    notifyGroup(world, group, account, notice);
    return node("membership_approval_request", { jid: group.jid });
  }
  joinGroup(group, account);
  notifyJoin(world, group, account, [account], "invite");
  joinCommunity(world, account, group, [account]);
  return node("group", { jid: group.jid });
}

/** `invite`: replaces the invite code. */
export const revokeInvite: GroupChange = (_change, group, actor, world) => {
  requireAdmin(group, actor);
  group.inviteCode = newInviteCode();
  notifyGroup(world, group, actor, node("invite", { code: group.inviteCode }));
  return [node("invite", { code: group.inviteCode })];
};

/**
 * `membership_requests_action`: approves or rejects requests to join. The answer has a result for each request. Source:
 * `groupRequestParticipantsUpdate` in Baileys' Socket/groups.ts.
 */
export const answerRequests: GroupChange = (change, group, actor, world) => {
  requireAdmin(group, actor);
  const [action] = children(change);
  const outcomes = children(action, "participant").map(({ attrs }) => {
    const account = attrs.jid ? world.accountOf(attrs.jid) : undefined;
    if (!account || !group.requests.delete(account)) return node("participant", { jid: attrs.jid, error: "404" });
    if (action?.tag === "approve") {
      joinGroup(group, account);
      notifyJoin(world, group, actor, [account]);
      joinCommunity(world, actor, group, [account]);
    }
    return node("participant", { jid: account.lidJid });
  });
  return [node("membership_requests_action", {}, [node(action?.tag ?? "reject", {}, outcomes)])];
};
