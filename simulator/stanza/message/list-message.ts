import type { Endpoint } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { type BinaryNode, child, children } from "../../wire/node.ts";
import type { Rejection } from "../errors.ts";
import { deliverMessage, isBlocked, participantEnvelope, withIdentity } from "./envelope.ts";
import { verifiedName } from "./verified-name.ts";

/**
 * Delivers a message that a phone sends to a broadcast list. Each device of the people in the list gets its own
 * ciphertext, from the JID of the list with the sender as participant. Sources: `decodeMessageNode` in Baileys'
 * Utils/decode-wa-message.js (`other_broadcast`), `parseMessageSource` in whatsmeow's message.go.
 */
export function routeListMessage(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  const { to: list = "", participant } = stanza.attrs;
  // Linked devices can't use broadcast lists: whatsmeow's README.md ("not supported on WhatsApp web either").
  if (sender.id !== 0) return { code: 405, reason: "a linked device cannot send to a broadcast list" };
  const attrs = participantEnvelope(world, sender, stanza, list);
  const copies = participant
    ? [{ jid: participant, content: children(stanza, "enc") }]
    : children(child(stanza, "participants"), "to").map((to) => ({ jid: to.attrs.jid, content: children(to) }));
  for (const { jid, content } of copies) {
    const target = jid ? world.endpointOf(jid) : undefined;
    if (!target || target === sender || isBlocked(sender, target)) continue;
    deliverMessage(target, attrs, withIdentity([...verifiedName(sender.account), ...content], undefined));
  }
  return undefined;
}
