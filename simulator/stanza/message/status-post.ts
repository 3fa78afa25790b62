import { type Endpoint, endpointJid } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER } from "../../wire/jid.ts";
import { type Attrs, type BinaryNode, child, children, node } from "../../wire/node.ts";
import { corrupt, isBlocked, type Rejection, withIdentity } from "./message.ts";

/**
 * What is posted, deleted or said of a status: to the devices that its sender names and nobody else, each with the key that is
 * given for it.
 */
export function routeStatus(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { id = "", type = "text", edit, to = "", participant } = stanza.attrs;
  const attrs: Attrs = {
    id,
    type,
    t: world.seconds,
    from: to,
    participant: endpointJid(sender, LID_SERVER),
    participant_pn: sender.account.pnJid,
    addressing_mode: "lid",
    notify: sender.account.pushName,
  };
  if (edit) attrs.edit = edit;
  const identity = child(stanza, "device-identity");
  const content = children(stanza, "enc");
  const deliver = (target: Endpoint, keys: BinaryNode[]) => {
    if (target === sender || isBlocked(sender, target)) return;
    const copy = node("message", attrs, withIdentity([...keys, ...content], identity));
    const damaged = target.id !== 0 && target.account.companions.get(target.id)?.faults.corruptIn.take();
    target.deliver(damaged ? corrupt(copy) : copy);
  };
  if (participant) {
    const target = world.endpointOf(participant);
    if (!target) return { code: 404, reason: "no such participant" };
    deliver(target, []);
    return undefined;
  }
  for (const one of children(child(stanza, "participants"), "to")) {
    const target = one.attrs.jid ? world.endpointOf(one.attrs.jid) : undefined;
    if (target) deliver(target, children(one));
  }
  return undefined;
}
