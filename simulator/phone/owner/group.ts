import { changePictureOf } from "../../stanza/account/picture.ts";
import { Refusal } from "../../stanza/errors.ts";
import { changeGroup } from "../../stanza/group/change.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import type { Phone } from "../phone.ts";

/**
 * Changes a group. Throws `Refusal` if the phone is not allowed to.
 * @param element the element that a client sends for this change, for example `<subject>` or `<locked>`
 */
export function change(phone: Phone, group: string, element: BinaryNode): void {
  changeGroup(node("iq", { to: group, type: "set", xmlns: "w:g2" }, [element]), { world: phone.world, device: phone });
}

/** Sets the picture of a group, a JPEG, or removes it. Throws `Refusal` if the phone is not allowed to. */
export function setPicture(phone: Phone, jid: string, image: Buffer | null): void {
  const group = phone.world.groups.get(jid);
  if (!group) throw new Refusal(404, "item-not-found");
  changePictureOf(phone.world, group, phone.account, image ?? undefined);
}

/**
 * Adds, removes, promotes or demotes members. Throws `Refusal` if the phone is not allowed to.
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
