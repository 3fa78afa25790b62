import type { Endpoint } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, child, children } from "../../wire/node.ts";
import type { Rejection } from "../errors.ts";
import { deliverMessage, isBlocked, participantEnvelope, withIdentity } from "./envelope.ts";
import type { Withheld } from "./withheld.ts";

/**
 * Delivers a status post, its deletion or a reaction to it, but only to the devices that the stanza names. Each device gets its
 * own encrypted copy of the sender key. Source: `relayMessage` with `statusJidList` in Baileys' Socket/messages-send.ts.
 */
export function routeStatusPost(
  world: World,
  sender: Endpoint,
  stanza: BinaryNode,
  withheld?: Withheld,
): Rejection | undefined {
  const { to: chat = "", participant } = stanza.attrs;
  const attrs = participantEnvelope(world, sender, stanza, chat);
  const identity = child(stanza, "device-identity");
  const content = children(stanza, "enc");
  const deliver = (target: Endpoint, keys: BinaryNode[]) => {
    if (target === sender || isBlocked(sender, target)) return;
    deliverMessage(target, attrs, withIdentity([...keys, ...content], identity), withheld);
  };
  if (participant) {
    const target = world.endpointOf(participant);
    if (!target) return { code: 404, reason: "the participant does not exist" };
    deliver(target, []);
    return undefined;
  }
  for (const to of children(child(stanza, "participants"), "to")) {
    const target = to.attrs.jid ? world.endpointOf(to.attrs.jid) : undefined;
    if (target) deliver(target, children(to));
  }
  return undefined;
}
