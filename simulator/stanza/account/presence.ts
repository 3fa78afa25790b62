import type { Account, Device } from "../../model/account.ts";
import type { World } from "../../model/world.ts";
import { isGroupJid, isLidJid, LID_SERVER, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, children, node } from "../../wire/node.ts";
import type { StanzaHandler } from "../iq.ts";
import { checkPrivacyToken } from "./privacy-token.ts";

/** `composing` means typing, `recording` means recording a voice note, `paused` ends both. */
export type Typing = "composing" | "recording" | "paused";

/**
 * `presence` from a client: subscribes to an account, or changes the device's own presence. A `name` changes the push
 * name. A presence without a type means available. That is its meaning in RFC 6121, 4.7.1, and in the presences that
 * WhatsApp's server sends (`handlePresence` in whatsmeow's presence.go). No source shows how the server handles a
 * presence without a type from a client, but accounts that send such a presence appear online
 * (https://github.com/WhiskeySockets/Baileys/issues/2553).
 */
export const receivePresence: StanzaHandler = (stanza, { world, connection, device }) => {
  const { name, type, to } = stanza.attrs;
  if (name) device.account.pushName = name;
  if (type === "subscribe" && to) {
    checkPrivacyToken(world, { connection, sender: device.account, recipient: world.accountOf(to) }, stanza);
    subscribe(world, device, to);
  } else if (type === undefined || type === "available" || type === "unavailable") {
    device.presences.push(type ?? "available");
    setOnline(world, device, type !== "unavailable");
  }
};

/** `chatstate` from a client: shows that its user types, records or stops. */
export const receiveChatState: StanzaHandler = (stanza, { world, device }) => {
  const [state] = children(stanza);
  if (stanza.attrs.to && state) sendTyping(world, device.account, stanza.attrs.to, state);
};

/** Changes the presence of a linked device. The server also calls it when the device's socket closes. */
export function setOnline(world: World, device: Device, online: boolean): void {
  device.online = online;
  notifySubscribers(world, device.account);
  if (online) for (const account of world.accounts.values()) notifySubscriber(account, device);
}

/** Changes the presence of a phone. */
export function setPresence(world: World, account: Account, available: boolean): void {
  account.phoneOnline = available;
  notifySubscribers(world, account);
}

function subscribe(world: World, device: Device, to: string): void {
  const account = world.accountOf(to);
  if (!account) return;
  account.subscribers.set(device, parseJid(to).server);
  notifySubscriber(account, device);
}

/** Sends an account's presence to its subscribers. The server does not keep these stanzas for offline devices. */
function notifySubscribers(world: World, account: Account): void {
  if (!account.available) account.lastSeen = Number(world.seconds);
  for (const device of account.subscribers.keys()) notifySubscriber(account, device);
}

/**
 * Sends an account's presence to one subscriber, if the subscriber is online (`SubscribePresence` in whatsmeow's
 * presence.go).
 */
function notifySubscriber(account: Account, device: Device): void {
  const server = account.subscribers.get(device);
  if (server && device.online) device.socket?.send(presenceNode(account, server));
}

function presenceNode(account: Account, server: string): BinaryNode {
  const { lastSeen } = account;
  if (account.available) return node("presence", { from: account.jid(server) });
  const last = lastSeen === undefined ? "deny" : String(lastSeen);
  return node("presence", { from: account.jid(server), type: "unavailable", last });
}

/**
 * Delivers a typing state to the members of a group, or to the other account in a chat if it has not blocked the sender.
 */
export function sendTyping(world: World, sender: Account, to: string, state: BinaryNode): void {
  if (isGroupJid(to)) {
    for (const account of world.groups.get(to)?.members.keys() ?? []) {
      if (account !== sender) deliverTyping(account, { from: to, participant: sender.lidJid }, state);
    }
    return;
  }
  const target = world.accountOf(to);
  if (!target || target.blocked.has(sender.lid)) return;
  deliverTyping(target, { from: sender.jid(isLidJid(to) ? LID_SERVER : PN_SERVER) }, state);
}

/**
 * Delivers a typing state to the phone, and to linked devices that are online (https://github.com/mautrix/whatsapp/pull/452).
 */
function deliverTyping(account: Account, attrs: Record<string, string>, state: BinaryNode): void {
  const stanza = node("chatstate", attrs, [state]);
  account.phone?.deliver(stanza);
  for (const companion of account.companions.values()) if (companion.online) companion.socket?.send(stanza);
}

/** Builds the content of a `chatstate`. */
export function typingNode(typing: Typing): BinaryNode {
  return typing === "recording" ? node("composing", { media: "audio" }) : node(typing);
}
