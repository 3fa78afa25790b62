import { type Endpoint, endpointJid } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import {
  isChannelJid,
  isGroupJid,
  isLidServer,
  isListJid,
  LID_SERVER,
  PN_SERVER,
  parseJid,
  STATUS_JID,
  userJid,
} from "../../wire/jid.ts";
import { type Attrs, type BinaryNode, child, children, node } from "../../wire/node.ts";
import { routeChannelMessage } from "../channel/post.ts";
import type { Rejection } from "../errors.ts";
import { addressProblem } from "./address.ts";
import { deliverMessage, isBlocked, withIdentity } from "./envelope.ts";
import { routeGroupMessage } from "./group-message.ts";
import { routeListMessage } from "./list-message.ts";
import { routeStatusPost } from "./status-post.ts";
import { verifiedName } from "./verified-name.ts";
import type { Withheld } from "./withheld.ts";

const otherServer = (server: string): string => (isLidServer(server) ? PN_SERVER : LID_SERVER);

/**
 * Delivers a message from a companion or a phone to the devices that the stanza names. If the server rejects the message,
 * returns the reason. `withheld` is what linked devices get instead of the ciphertext.
 */
export function routeMessage(
  world: World,
  sender: Endpoint,
  stanza: BinaryNode,
  withheld?: Withheld,
): Rejection | undefined {
  world.counts.messages++;
  const to = stanza.attrs.to ?? "";
  if (isGroupJid(to)) return routeGroupMessage(world, sender, stanza, withheld);
  if (to === STATUS_JID) return routeStatusPost(world, sender, stanza, withheld);
  if (isListJid(to)) return routeListMessage(world, sender, stanza);
  if (isChannelJid(to)) return routeChannelMessage(world, sender, stanza);
  // Source: https://github.com/WhiskeySockets/Baileys/issues/2781 (`smax-invalid`).
  if (child(stanza, "enc") && child(stanza, "participants"))
    return { code: 479, reason: "a message to one person has either one ciphertext or a list of participants" };
  const recipient = world.accountOf(to);
  if (!recipient) return { code: 404, reason: `${to} is not on WhatsApp` };
  const problem = addressProblem(world, sender, stanza);
  if (problem) return problem;
  recipient.restrictions.writers.add(sender.account.lid);
  const envelope = baseEnvelope(world, sender, stanza);
  const identity = child(stanza, "device-identity");
  const fanout = child(stanza, "participants");
  if (!fanout) return routeToDevice(world, sender, stanza, envelope);
  for (const participant of children(fanout, "to")) {
    const target = participant.attrs.jid ? world.endpointOf(participant.attrs.jid) : undefined;
    // The sender's device list can contain a device that has been unlinked since.
    if (!target || target === sender || isBlocked(sender, target)) continue;
    const { server } = parseJid(participant.attrs.jid ?? "");
    const attrs = envelopeFor(world, target, { sender, server, chat: to }, envelope);
    const content = [...verifiedName(sender.account), ...children(participant)];
    deliverMessage(target, attrs, withIdentity(content, identity), withheld);
  }
  return undefined;
}

/** Delivers a copy for one device: a retry, or a message between the devices of one account. */
function routeToDevice(world: World, sender: Endpoint, stanza: BinaryNode, envelope: Attrs): Rejection | undefined {
  const to = stanza.attrs.to ?? "";
  const target = world.endpointOf(to);
  if (!target) return { code: 404, reason: `the device ${to} does not exist` };
  const content = children(stanza).filter(({ tag }) => tag === "enc" || tag === "device-identity");
  if (stanza.attrs.category === "peer") {
    if (child(stanza, "tctoken") && !world.rules.relaxed("privacy_token_not_for_peers"))
      return { code: 479, reason: "a peer message has no privacy token" };
    if (target.account !== sender.account)
      return { code: 400, reason: "a peer message must be for the sender's own account" };
    target.deliver(
      node("message", { ...envelope, category: "peer", from: endpointJid(sender, parseJid(to).server) }, content),
    );
    return undefined;
  }
  if (isBlocked(sender, target)) return undefined;
  const chat = stanza.attrs.recipient ?? userJid(to);
  deliverMessage(target, envelopeFor(world, target, { sender, server: parseJid(to).server, chat }, envelope), content);
  return undefined;
}

/** Builds the attributes that are the same for all recipients of a message. */
function baseEnvelope(world: World, sender: Endpoint, stanza: BinaryNode): Attrs {
  const { id = "", type = "text", edit } = stanza.attrs;
  const attrs: Attrs = { id, type, t: world.seconds };
  if (sender.account.pushName) attrs.notify = sender.account.pushName;
  if (edit) attrs.edit = edit;
  return attrs;
}

/**
 * Builds the envelope for one device. It names the sender as the sender named the device, by phone number or LID, and also
 * contains the sender's other JID. For the sender's own devices, it contains the JIDs of the chat instead.
 * Source: `extractAddressingContext` in Baileys' Utils/decode-wa-message.ts.
 */
function envelopeFor(
  world: World,
  target: Endpoint,
  { sender, server, chat }: { sender: Endpoint; server: string; chat: string },
  envelope: Attrs,
): Attrs {
  const lid = isLidServer(server);
  const attrs: Attrs = { ...envelope, from: endpointJid(sender, server), addressing_mode: lid ? "lid" : "pn" };
  if (target.account === sender.account) {
    attrs.recipient = userJid(chat);
    const peer = world.accountOf(chat);
    if (peer) attrs[lid ? "peer_recipient_pn" : "peer_recipient_lid"] = peer.jid(otherServer(server));
    return attrs;
  }
  attrs[lid ? "sender_pn" : "sender_lid"] = sender.account.jid(otherServer(server));
  return attrs;
}
