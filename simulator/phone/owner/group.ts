import { changeGroup } from "../../stanza/group/changes.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import type { Phone } from "../phone.ts";

/** What the phone's owner changes in a group, as clients say it: `<subject>`, `<locked>`, … @throws `Refusal`. */
export function change(phone: Phone, group: string, what: BinaryNode): void {
  changeGroup(node("iq", { to: group, type: "set", xmlns: "w:g2" }, [what]), { world: phone.world, device: phone });
}

/** Adds, removes, promotes or demotes members. @param members JIDs. @throws `Refusal` when the phone may not. */
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
