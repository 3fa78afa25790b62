import { isChannelJid } from "../../model/channel.ts";
import { type Device, type Endpoint, endpointJid } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import type { Connection } from "../../server/connection.ts";
import { isGroupJid, LID_SERVER, PN_SERVER, parseJid, STATUS_JID, userJid } from "../../wire/jid.ts";
import { type Attrs, type BinaryNode, bytes, child, children, node } from "../../wire/node.ts";
import { readPreKeyMessage } from "../../wire/protobuf.ts";
import { routeChannelMessage, serverIdOf } from "../channel/queries.ts";
import { routeGroupMessage } from "./group-message.ts";
import { routeStatus } from "./status-post.ts";
import { verifiedName } from "./verified-name.ts";

/** Why the server does not carry a message; the code goes into the ack's `error`. */
export type Rejection = { code: number; reason: string };

const otherServer = (server: string): string => (server === LID_SERVER ? PN_SERVER : LID_SERVER);

/** A message from a client: fanned out to the devices it was encrypted for, then acknowledged. */
export function receiveMessage(world: World, connection: Connection, device: Device, stanza: BinaryNode): void {
  device.counts.received++;
  const { id, to } = stanza.attrs;
  if (!id || !to) {
    connection.note(stanza, "message without id or to");
    return;
  }
  const fault = device.faults.ack.take();
  const damaged = device.faults.corruptOut.take() ? corrupt(stanza) : stanza;
  const rejection = fault === undefined ? routeMessage(world, device, damaged) : { code: fault, reason: "requested" };
  const error = rejection ? String(rejection.code) : undefined;
  const serverId = serverIdOf(world, to, id);
  connection.send(node("ack", { class: "message", id, from: to, t: world.seconds, error, server_id: serverId }));
}

/** Carries a message from one device, a companion or a phone, to the devices it names. */
export function routeMessage(world: World, sender: Endpoint, stanza: BinaryNode): Rejection | undefined {
  world.counts.messages++;
  const to = stanza.attrs.to ?? "";
  if (isGroupJid(to)) return routeGroupMessage(world, sender, stanza);
  if (to === STATUS_JID) return routeStatus(world, sender, stanza);
  if (isChannelJid(to)) return routeChannelMessage(world, sender, stanza);
  const recipient = world.accountOf(to);
  if (!recipient) return { code: 404, reason: `nobody has ${to}` };
  const envelope = common(world, sender, stanza);
  const identity = child(stanza, "device-identity");
  const fanout = child(stanza, "participants");
  if (!fanout) return routeDirect(world, sender, stanza, envelope);
  for (const participant of children(fanout, "to")) {
    const target = participant.attrs.jid ? world.endpointOf(participant.attrs.jid) : undefined;
    // A device that was unlinked since the sender asked for the list simply does not get its copy.
    if (!target || target === sender || isBlocked(sender, target)) continue;
    const { server } = parseJid(participant.attrs.jid ?? "");
    const attrs = addressed(world, target, { sender, server, chat: to }, envelope);
    const content = [...verifiedName(sender.account), ...children(participant)];
    send(target, attrs, withIdentity(content, identity));
  }
  return undefined;
}

/** One device's copy alone: a retry, or a message between the devices of one account. */
function routeDirect(world: World, sender: Endpoint, stanza: BinaryNode, envelope: Attrs): Rejection | undefined {
  const to = stanza.attrs.to ?? "";
  const target = world.endpointOf(to);
  if (!target) return { code: 404, reason: `no device ${to}` };
  const content = children(stanza).filter(({ tag }) => tag === "enc" || tag === "device-identity");
  if (stanza.attrs.category === "peer") {
    if (target.account !== sender.account) return { code: 400, reason: "a peer message to another account" };
    target.deliver(
      node("message", { ...envelope, category: "peer", from: endpointJid(sender, parseJid(to).server) }, content),
    );
    return undefined;
  }
  if (isBlocked(sender, target)) return undefined;
  const chat = stanza.attrs.recipient ?? userJid(to);
  send(target, addressed(world, target, { sender, server: parseJid(to).server, chat }, envelope), content);
  return undefined;
}

/** Who is blocked is not told so: the server takes the message and nobody gets it. */
export const isBlocked = (sender: Endpoint, target: Endpoint): boolean =>
  target.account.blocked.has(sender.account.lid);

function common(world: World, sender: Endpoint, stanza: BinaryNode): Attrs {
  const { id = "", type = "text", edit } = stanza.attrs;
  const attrs: Attrs = { id, type, t: world.seconds };
  if (sender.account.pushName) attrs.notify = sender.account.pushName;
  if (edit) attrs.edit = edit;
  return attrs;
}

/**
 * The envelope as one device gets it. It names the sender the way the sender addressed the device (by number or by
 * LID) and gives the other name beside it; for the sender's own devices it names the chat instead.
 */
function addressed(
  world: World,
  target: Endpoint,
  { sender, server, chat }: { sender: Endpoint; server: string; chat: string },
  envelope: Attrs,
): Attrs {
  const lid = server === LID_SERVER;
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

function send(target: Endpoint, attrs: Attrs, content: BinaryNode[]): void {
  const stanza = node("message", attrs, content);
  const damaged = target.id !== 0 && target.account.companions.get(target.id)?.faults.corruptIn.take();
  target.deliver(damaged ? corrupt(stanza) : stanza);
}

/** A prekey message from a companion carries the companion's ADV identity, so that the recipient can check it. */
export function withIdentity(content: BinaryNode[], identity: BinaryNode | undefined): BinaryNode[] {
  const prekey = content.some(({ tag, attrs }) => tag === "enc" && attrs.type === "pkmsg");
  return identity && prekey ? [...content, identity] : content;
}

/** The same stanza with a bit of every ciphertext's MAC (or signature) flipped, and nothing else. */
export function corrupt(stanza: BinaryNode): BinaryNode {
  if (Array.isArray(stanza.content)) return { ...stanza, content: stanza.content.map(corrupt) };
  const ciphertext = stanza.tag === "enc" ? bytes(stanza) : undefined;
  if (!ciphertext) return stanza;
  const damaged = Buffer.from(ciphertext);
  // A prekey message has fields behind the message it carries; the MAC is at that message's end.
  const authenticated = stanza.attrs.type === "pkmsg" ? readPreKeyMessage(damaged).message : damaged;
  authenticated[authenticated.length - 1] = (authenticated.at(-1) ?? 0) ^ 1;
  return { ...stanza, content: damaged };
}
