import type { Group } from "../../model/group.ts";
import { type BinaryNode, child, node } from "../../wire/node.ts";
import { Refusal, Unsupported } from "../errors.ts";
import { type IqHandler, result } from "../iq.ts";
import { changeGroup } from "./change.ts";
import { subGroups } from "./community-changes.ts";
import { groupOfInvite } from "./invite.ts";
import { groupNode } from "./nodes.ts";

/**
 * `w:g2`: queries and changes of groups. Only members see a group, and only admins its invite code. Source of the codes 401,
 * 403 and 404: `GetGroupInviteLink` in whatsmeow's group.go.
 */
export const groups: IqHandler = (iq, { world, device }) => {
  if (iq.attrs.type === "set") return changeGroup(iq, { world, device });
  if (child(iq, "participating")) {
    const own = [...world.groups.values()].filter((group) => group.members.has(device.account));
    return result(iq, [node("groups", {}, own.map(groupNode))]);
  }
  const invite = child(iq, "invite");
  if (invite?.attrs.code) return result(iq, [groupNode(groupOfInvite(world, invite.attrs.code))]);
  const group = world.groups.get(iq.attrs.to ?? "");
  if (!group) throw new Refusal(404, "item-not-found");
  if (!group.members.has(device.account)) throw new Refusal(403, "forbidden");
  if (child(iq, "query")) return result(iq, [groupNode(group)]);
  if (child(iq, "sub_groups")) return result(iq, [subGroups(world, group)]);
  if (!group.isAdmin(device.account)) throw new Refusal(401, "not-authorized");
  if (invite) return result(iq, [node("invite", { code: group.inviteCode })]);
  if (child(iq, "membership_approval_requests")) return result(iq, [requestsNode(group)]);
  throw new Unsupported("w:g2 get");
};

function requestsNode({ requests }: Group): BinaryNode {
  const content = [...requests].map(([account, at]) =>
    node("membership_approval_request", {
      jid: account.lidJid,
      phone_number: account.pnJid,
      request_method: "invite_link",
      request_time: String(at),
    }),
  );
  return node("membership_approval_requests", {}, content);
}
