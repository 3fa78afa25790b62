import type { Endpoint } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, child, children, node } from "../../wire/node.ts";
import type { Rejection } from "../errors.ts";
import { deliverMessage, participantEnvelope, withIdentity } from "./envelope.ts";
import { verifiedName } from "./verified-name.ts";
import type { Withheld } from "./withheld.ts";

/**
 * Delivers a group message to each device of each member: the sender-key ciphertext and, if the stanza contains it, the
 * device's encrypted copy of the sender key. Source: `relayMessage` in Baileys' Socket/messages-send.ts.
 */
export function routeGroupMessage(
  world: World,
  sender: Endpoint,
  stanza: BinaryNode,
  withheld?: Withheld,
): Rejection | undefined {
  const group = world.groups.get(stanza.attrs.to ?? "");
  if (!group) return { code: 404, reason: "the group does not exist" };
  const rejection = writeProblem(group, sender) ?? addressingProblem(world, group, stanza);
  if (rejection) return rejection;
  const attrs = participantEnvelope(world, sender, stanza, group.jid);
  const identity = child(stanza, "device-identity");
  const content = [...verifiedName(sender.account), ...children(stanza, "enc")];
  if (stanza.attrs.participant) {
    const target = world.endpointOf(stanza.attrs.participant);
    if (!target || !group.members.has(target.account)) return { code: 404, reason: "the participant is not a member" };
    target.deliver(node("message", attrs, withIdentity(content, identity)));
    return undefined;
  }
  const keys = new Map<Endpoint, BinaryNode[]>();
  for (const to of children(child(stanza, "participants"), "to")) {
    const target = to.attrs.jid ? world.endpointOf(to.attrs.jid) : undefined;
    if (target) keys.set(target, children(to));
  }
  // A message that is sent again to some devices has a ciphertext for each of them and an empty one for the group.
  // Source: `createFanoutMsgStanza` in WhatsApp Web's module WAWebSendMsgCreateFanoutStanza.
  const isDirect = stanza.attrs.device_fanout === "false";
  if (isDirect) for (const [target, copy] of keys) target.deliver(node("message", attrs, withIdentity(copy, identity)));
  for (const target of isDirect ? [] : group.endpoints()) {
    if (target === sender) continue;
    deliverMessage(target, attrs, withIdentity([...(keys.get(target) ?? []), ...content], identity), withheld);
  }
  return undefined;
}

/** Sources: `StaleGroupAddressingMode` in WhatsApp Web's WAWebSendGroupSkmsgJob, and `group_addressing_mode` in `simulator/rule/device.ts`. */
function addressingProblem(world: World, { addressing }: Group, { attrs }: BinaryNode): Rejection | undefined {
  const isStale = attrs.addressing_mode !== undefined && attrs.addressing_mode !== addressing;
  if (!isStale || world.rules.relaxed("group_addressing_mode")) return undefined;
  return { code: 421, reason: "the sender does not know how the group names its members" };
}

function writeProblem(group: Group, { account }: Endpoint): Rejection | undefined {
  if (!group.members.has(account)) return { code: 403, reason: "the sender is not a member" };
  if (group.community) return { code: 405, reason: "nobody can write to a community itself" };
  if (group.announcement && !group.isAdmin(account)) return { code: 403, reason: "only admins may write" };
  return undefined;
}
