import type { Group } from "../../model/group.ts";
import { Refusal } from "../../stanza/errors.ts";
import { changeGroup } from "../../stanza/group/change.ts";
import { createCommunity } from "../../stanza/group/create.ts";
import { type BinaryNode, child, children, node } from "../../wire/node.ts";
import type { Phone } from "../phone.ts";

/** Creates a community with its announcement group and general chat, as WhatsApp's apps do. */
export function makeCommunity(phone: Phone, subject: string, options: { anyoneAdds?: boolean } = {}): Group {
  const { anyoneAdds = true } = options;
  return createCommunity(phone.world, phone.account, subject, {
    approval: "request_required",
    anyoneAdds,
    general: true,
  });
}

/**
 * Adds a group to a community, or removes the group from the community. Throws `Refusal` if the phone is not allowed
 * to.
 */
export function changeLink(phone: Phone, community: string, action: "link" | "unlink", group: string): void {
  const groups = [node("group", { jid: group })];
  const [answer] =
    action === "link"
      ? sendChange(phone, community, node("links", {}, [node("link", { link_type: "sub_group" }, groups)]))
      : sendChange(phone, community, node("unlink", { unlink_type: "sub_group" }, groups));
  const list = action === "link" ? child(answer, "link") : answer;
  const error = child(list, "group")?.attrs.error;
  if (error) throw new Refusal(Number(error), "not-acceptable");
}

const sendChange = (phone: Phone, to: string, element: BinaryNode): BinaryNode[] =>
  children(
    changeGroup(node("iq", { to, type: "set", xmlns: "w:g2" }, [element]), { world: phone.world, device: phone }),
  );
