import { type Endpoint, endpointJid } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER } from "../../wire/jid.ts";
import { type Attrs, type BinaryNode, child, children, node } from "../../wire/node.ts";
import { corrupt, type Rejection, withIdentity } from "./message.ts";
import { verifiedName } from "./verified-name.ts";

/** A group message: the sender-key ciphertext to every device of every member, with its own key where one is given. */
export function routeGroupMessage(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const group = world.groups.get(stanza.attrs.to ?? "");
  if (!group) return { code: 404, reason: "no such group" };
  if (!group.members.has(sender.account)) return { code: 403, reason: "not a member" };
  if (group.community) return { code: 405, reason: "nobody writes in a community itself" };
  if (group.announcement && !group.isAdmin(sender.account)) return { code: 403, reason: "only admins may write" };
  const { id = "", type = "text", edit } = stanza.attrs;
  const attrs: Attrs = {
    id,
    type,
    t: world.seconds,
    from: group.jid,
    participant: endpointJid(sender, LID_SERVER),
    participant_pn: sender.account.pnJid,
    addressing_mode: "lid",
    notify: sender.account.pushName,
  };
  if (edit) attrs.edit = edit;
  const identity = child(stanza, "device-identity");
  const content = [...verifiedName(sender.account), ...children(stanza, "enc")];
  if (stanza.attrs.participant) {
    const target = world.endpointOf(stanza.attrs.participant);
    if (!target || !group.members.has(target.account)) return { code: 404, reason: "no such participant" };
    target.deliver(node("message", attrs, withIdentity(content, identity)));
    return undefined;
  }
  const keys = new Map<Endpoint, BinaryNode[]>();
  for (const to of children(child(stanza, "participants"), "to")) {
    const target = to.attrs.jid ? world.endpointOf(to.attrs.jid) : undefined;
    if (target) keys.set(target, children(to));
  }
  for (const target of group.endpoints()) {
    if (target === sender) continue;
    const copy = node("message", attrs, withIdentity([...(keys.get(target) ?? []), ...content], identity));
    const damaged = target.id !== 0 && target.account.companions.get(target.id)?.faults.corruptIn.take();
    target.deliver(damaged ? corrupt(copy) : copy);
  }
  return undefined;
}
