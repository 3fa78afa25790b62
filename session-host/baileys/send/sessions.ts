import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  parseAndInjectE2ESessions,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { KeyStore } from "../key-store.ts";
import { lookedUp, unanswered } from "../look-up.ts";

/** Number of sessions that are opened in one transaction of the key store. */
const sessionsPerTransaction = 20;

/**
 * Opens Signal sessions with those of the devices that have none. Returns the devices for which WhatsApp has no keys,
 * because they no longer exist. Baileys' `assertSessions` (7.0.0-rc14, Socket/messages-send.js) opens no session at all
 * if WhatsApp has no keys of one device. Like `fetchPreKeysNoError` of whatsmeow's send.go, this function goes on.
 */
export async function openSessions(sock: WASocket, store: KeyStore, devices: readonly string[]): Promise<string[]> {
  const closed: string[] = [];
  for (const jid of new Set(devices)) if (!(await sock.signalRepository.validateSession(jid)).exists) closed.push(jid);
  if (closed.length === 0) return [];
  const named = await wireJids(sock, closed);
  const query: BinaryNode = {
    tag: "iq",
    attrs: { xmlns: "encrypt", type: "get", to: "@s.whatsapp.net" },
    content: [{ tag: "key", attrs: {}, content: [...named.keys()].map((jid) => ({ tag: "user", attrs: { jid } })) }],
  };
  const list = getBinaryNodeChild(await lookedUp("the keys of devices", sock.query(query)), "list");
  if (!list) throw unanswered("the keys of devices");
  const users = getBinaryNodeChildren(list, "user");
  const found = users.filter((user) => getBinaryNodeChild(user, "registration") && !getBinaryNodeChild(user, "error"));
  for (let start = 0; start < found.length; start += sessionsPerTransaction) {
    const page: BinaryNode = { tag: "list", attrs: {}, content: found.slice(start, start + sessionsPerTransaction) };
    const result: BinaryNode = { tag: "iq", attrs: {}, content: [page] };
    await store.keys.transaction(() => parseAndInjectE2ESessions(result, sock.signalRepository), "sessions");
  }
  const opened = new Set(found.map(({ attrs }) => attrs.jid));
  return [...named].flatMap(([wire, jid]) => (opened.has(wire) ? [] : [jid]));
}

/** Returns the devices by the JID under which WhatsApp is asked for their keys: the LID, if it is known. */
async function wireJids({ signalRepository }: WASocket, devices: readonly string[]): Promise<Map<string, string>> {
  const pairs = await signalRepository.lidMapping.getLIDsForPNs([...devices]);
  const lids = new Map(pairs?.map(({ pn, lid }) => [pn, lid]));
  return new Map(devices.map((jid) => [lids.get(jid) ?? jid, jid]));
}
