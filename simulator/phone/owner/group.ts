import { changeGroup } from "../../stanza/group/change.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import type { Phone } from "../phone.ts";

/** Changes a group with the same element as a client: `<subject>`, `<locked>` … Throws `Refusal`. */
export function change(phone: Phone, group: string, what: BinaryNode): void {
  changeGroup(node("iq", { to: group, type: "set", xmlns: "w:g2" }, [what]), { world: phone.world, device: phone });
}

/**
 * Adds, removes, promotes or demotes members. Throws `Refusal` if the phone may not do so.
 * @param members JIDs
 */
export function changeMembers(
  phone: Phone,
  group: string,
  action: "add" | "remove" | "promote" | "demote",
  members: string[],
): void {
  change(
    phone,
    group,
    node(
      action,
      {},
      members.map((jid) => node("participant", { jid })),
    ),
  );
}
