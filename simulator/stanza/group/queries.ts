import { groupNode } from "../../model/group.ts";
import { child, node, result } from "../../wire/node.ts";
import { type IqHandler, Refusal, Unsupported } from "../iq.ts";
import { changeGroup, invited } from "./changes.ts";
import { subGroups } from "./community-changes.ts";

/** Group queries. Only members see a group. */
export const groups: IqHandler = (iq, { world, device }) => {
  const to = iq.attrs.to ?? "";
  if (iq.attrs.type === "set") return changeGroup(iq, { world, device });
  if (child(iq, "participating")) {
    const mine = [...world.groups.values()].filter((group) => group.members.has(device.account));
    return result(iq, [node("groups", {}, mine.map(groupNode))]);
  }
  const invite = child(iq, "invite");
  if (invite?.attrs.code) return result(iq, [groupNode(invited(world, invite.attrs.code))]);
  const group = world.groups.get(to);
  if (!group) throw new Refusal(404, "item-not-found");
  if (!group.members.has(device.account)) throw new Refusal(403, "forbidden");
  if (child(iq, "query")) return result(iq, [groupNode(group)]);
  if (child(iq, "sub_groups")) return result(iq, [subGroups(world, group)]);
  if (!group.isAdmin(device.account)) throw new Refusal(401, "not-authorized");
  if (invite) return result(iq, [node("invite", { code: group.inviteCode })]);
  if (!child(iq, "membership_approval_requests")) throw new Unsupported("w:g2 get");
  const requests = [...group.requests].map(([account, at]) =>
    node("membership_approval_request", {
      jid: account.lidJid,
      phone_number: account.pnJid,
      request_method: "invite_link",
      request_time: String(at),
    }),
  );
  return result(iq, [node("membership_approval_requests", {}, requests)]);
};
