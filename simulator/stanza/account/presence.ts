import type { Account } from "../../model/account.ts";
import type { Device } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import { isGroupJid, isLidJid, LID_SERVER, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, children, node } from "../../wire/node.ts";

/** What is typed: `composing`, `recording` (a voice note), or `paused`. */
export type Typing = "composing" | "recording" | "paused";

/**
 * `presence` and `chatstate` from a client. A name in a presence is the account's push name from now on. A presence without a
 * type means available, as in RFC 6121, 4.7.1, and in what WhatsApp's server sends (whatsmeow presence.go, `handlePresence`);
 * no source shows what the server does with it, but accounts that send it are seen online (Baileys issue 2553).
 */
export function receivePresence(world: World, device: Device, stanza: BinaryNode): void {
  const { account } = device;
  const { name, type, to } = stanza.attrs;
  if (stanza.tag === "chatstate") {
    const [state] = children(stanza);
    if (to && state) tellTyping(world, account, to, state);
    return;
  }
  if (name) account.pushName = name;
  if (type === "subscribe" && to) subscribe(world, device, to);
  else if (type === undefined || type === "available" || type === "unavailable") {
    device.presences.push(type ?? "available");
    setOnline(world, device, type !== "unavailable");
  }
}

/** A device is offline when it says so, and when its socket closes. */
export function setOnline(world: World, device: Device, online: boolean): void {
  device.online = online;
  tellPresence(world, device.account);
  if (online) for (const account of world.accounts.values()) tellSubscriber(account, device);
}

function subscribe(world: World, device: Device, to: string): void {
  const account = world.accountOf(to);
  if (!account) return;
  const { server } = parseJid(to);
  account.subscribers.set(device, server);
  tellSubscriber(account, device);
}

/** Only a device that is online learns of the presence of others (whatsmeow presence.go, `SubscribePresence`). */
function tellSubscriber(account: Account, device: Device): void {
  const server = account.subscribers.get(device);
  if (server && device.online) device.socket?.send(presenceOf(account, server));
}

function presenceOf(account: Account, server: string): BinaryNode {
  const { lastSeen } = account;
  if (account.available) return node("presence", { from: account.jid(server) });
  const last = lastSeen === undefined ? "deny" : String(lastSeen);
  return node("presence", { from: account.jid(server), type: "unavailable", last });
}

/** The phone shows the account online, or no longer. */
export function setPresence(world: World, account: Account, available: boolean): void {
  account.phoneOnline = available;
  tellPresence(world, account);
}

/** Tells the subscribers. Presence is of the moment: it is not kept for who is offline. */
function tellPresence(world: World, account: Account): void {
  if (!account.available) account.lastSeen = Number(world.seconds);
  for (const device of account.subscribers.keys()) tellSubscriber(account, device);
}

/** Tells the other side of a chat, or a group's members, that somebody is typing. */
export function tellTyping(world: World, sender: Account, to: string, state: BinaryNode): void {
  if (isGroupJid(to)) {
    for (const account of world.groups.get(to)?.members.keys() ?? []) {
      if (account !== sender) send(account, { from: to, participant: sender.lidJid }, state);
    }
    return;
  }
  const target = world.accountOf(to);
  if (target && !target.blocked.has(sender.lid))
    send(target, { from: sender.jid(isLidJid(to) ? LID_SERVER : PN_SERVER) }, state);
}

function send(account: Account, attrs: Record<string, string>, state: BinaryNode): void {
  const stanza = node("chatstate", attrs, [state]);
  account.phone?.deliver(stanza);
  // Typing too reaches only devices that are online (https://github.com/mautrix/whatsapp/pull/452).
  for (const companion of account.companions.values()) if (companion.online) companion.socket?.send(stanza);
}

export function typingNode(typing: Typing): BinaryNode {
  return typing === "recording" ? node("composing", { media: "audio" }) : node(typing);
}
