import type { Account, Endpoint } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, children, node } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { result } from "../iq.ts";
import { createInCommunity, leaveCommunities, linkGroups, unlinkGroups } from "./community-changes.ts";
import { createGroup } from "./create.ts";
import type { GroupChange } from "./group-change.ts";
import { answerRequests, followInvite, revokeInvite } from "./invite.ts";
import { addMembers, demoteMembers, leaveGroup, promoteMembers, removeMembers } from "./members.ts";
import { groupNode } from "./nodes.ts";
import * as settings from "./settings.ts";

/** The changes of a group by the tag of the request. Source: Baileys' Socket/groups.ts and Socket/communities.ts. */
const changes: Record<string, GroupChange> = {
  add: addMembers,
  remove: removeMembers,
  promote: promoteMembers,
  demote: demoteMembers,
  subject: settings.setSubject,
  description: settings.setDescription,
  announcement: settings.announcement(true),
  not_announcement: settings.announcement(false),
  locked: settings.locked(true),
  unlocked: settings.locked(false),
  ephemeral: settings.setEphemeral,
  not_ephemeral: settings.clearEphemeral,
  member_add_mode: settings.setMemberAddMode,
  membership_approval_mode: settings.setApproval,
  invite: revokeInvite,
  membership_requests_action: answerRequests,
  links: linkGroups,
  unlink: unlinkGroups,
};

/** `w:g2` with type `set`: changes, creates, joins or leaves a group. Throws `Refusal`. */
export function changeGroup(
  iq: BinaryNode,
  { world, device }: { world: World; device: Pick<Endpoint, "account"> },
): BinaryNode {
  const [change] = children(iq);
  const { account } = device;
  if (!change) throw new Refusal(400, "bad-request");
  if (iq.attrs.to === "@g.us") return result(iq, changeWithoutGroup(change, account, world));
  const group = world.groups.get(iq.attrs.to ?? "");
  if (!group) throw new Refusal(404, "item-not-found");
  if (!group.members.has(account)) throw new Refusal(403, "forbidden");
  const apply = changes[change.tag];
  if (!apply) throw new Unsupported(`w:g2 ${change.tag}`);
  return result(iq, apply(change, group, account, world));
}

/** Handles a request that is not addressed to a group: creates, joins or leaves groups. */
function changeWithoutGroup(change: BinaryNode, account: Account, world: World): BinaryNode[] {
  if (change.tag === "create") {
    const members = children(change, "participant").map(({ attrs }) => world.accountOf(attrs.jid ?? "@"));
    if (members.some((member) => !member)) throw new Refusal(404, "item-not-found");
    const present = members.filter((member) => member !== undefined);
    const created = createInCommunity(change, account, present, world);
    return [created ?? groupNode(createGroup(world, account, change.attrs.subject ?? "", present))];
  }
  if (change.tag === "invite" && change.attrs.code) return [followInvite(world, account, change.attrs.code)];
  if (change.tag !== "leave") throw new Unsupported(`w:g2 ${change.tag}`);
  const left = children(change, "group").map(({ attrs }) => {
    const group = world.groups.get(attrs.id ?? "");
    if (!group) throw new Refusal(404, "item-not-found");
    leaveGroup(world, account, group);
    return node("group", { id: group.jid });
  });
  return [node("leave", {}, [...left, ...leaveCommunities(change, account, world)])];
}
