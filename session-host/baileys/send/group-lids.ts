import type { BinaryNode, SignalRepositoryWithLIDStore, WASocket } from "@whiskeysockets/baileys";
import { isJid } from "../../../core/bound.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { isPhoneJid, plainJid } from "../address/jids.ts";
import type { KeyStore } from "../key-store.ts";

/** The LID and the phone number (as a JID) of one person. */
interface Pair {
  lid: string;
  pn: string;
}

/**
 * Attributes that name the same person by LID and by number. Source: `parseParticipant`, `parseParticipantList` and
 * `parseGroupNode` in whatsmeow's group.go.
 */
const spellings = [
  ["jid", "phone_number"],
  ["jid", "lid"],
  ["participant", "participant_pn"],
  ["participant", "participant_lid"],
  ["creator", "creator_pn"],
  ["s_o", "s_o_pn"],
] as const;

/** Levels of elements between an answer and a member: `iq`, `groups`, `group`, `participant`. */
const maxLevels = 4;
/** Maximum number of people in one transaction of the key store. */
const maxPairs = 1_000;

/**
 * Stores which number belongs to which LID, as far as group answers and group notifications name both. Otherwise, a
 * member who never wrote would have no number in mentions, quotes, reactions and receipts. The pairs are stored before
 * later messages are decrypted, because the key store runs its transactions in order.
 */
export function keepGroupLids(sock: Pick<WASocket, "ws" | "signalRepository">, store: KeyStore): void {
  const keep = (stanza: BinaryNode) => {
    // The key store itself ends the connection if the database can't be read.
    void storePairs(pairsIn(stanza), sock.signalRepository, store).catch(() => undefined);
  };
  sock.ws.prependListener("CB:notification,type:w:gp2", keep);
  sock.ws.prependListener("CB:iq,type:result", (stanza: BinaryNode) => {
    if (stanza.attrs.from?.endsWith("g.us")) keep(stanza);
  });
}

/** Returns the people whom a stanza names by LID and by number, each once. */
export function pairsIn(stanza: BinaryNode): Pair[] {
  const pairs = new Map<string, Pair>();
  const visit = ({ attrs, content }: BinaryNode, level: number) => {
    for (const [one, other] of spellings) {
      const jids = [attrs[one], attrs[other]].filter((jid) => jid !== undefined && isJid(jid)).map(plainJid);
      const lid = jids.find(isLidJid);
      const pn = jids.find(isPhoneJid);
      if (lid && pn) pairs.set(lid, { lid, pn });
    }
    if (level < maxLevels && Array.isArray(content)) for (const child of content) visit(child, level + 1);
  };
  visit(stanza, 1);
  return [...pairs.values()];
}

/** Stores which number belongs to which LID, and moves the sessions of the numbers to the LIDs. */
export async function storePairs(
  pairs: readonly Pair[],
  repository: SignalRepositoryWithLIDStore,
  store: KeyStore,
): Promise<void> {
  for (let start = 0; start < pairs.length; start += maxPairs) {
    const page = pairs.slice(start, start + maxPairs);
    await store.keys.transaction(() => storePage(page, repository, store), "lid-mapping");
  }
}

/**
 * Stores the pairs that are new, under the keys of Baileys' `LIDMappingStore` (7.0.0-rc14, Signal/lid-mapping.js).
 * Baileys caches each pair that it stores for days, so only a person who changed the number or LID, whose old pair may
 * be in that cache, is stored by Baileys.
 */
async function storePage(
  pairs: readonly Pair[],
  { lidMapping, migrateSession }: SignalRepositoryWithLIDStore,
  store: KeyStore,
): Promise<void> {
  const keysOf = ({ lid, pn }: Pair) => ({ forward: userOf(pn), reverse: `${userOf(lid)}_reverse` });
  const known = await store.existing(
    "lid-mapping",
    pairs.map(keysOf).flatMap((keys) => Object.values(keys)),
  );
  const isKnown = (pair: Pair) => Object.values(keysOf(pair)).map((key) => known.has(key));
  const added = pairs.filter((pair) => !isKnown(pair).includes(true));
  const changed = pairs.filter((pair) => isKnown(pair).includes(true) && isKnown(pair).includes(false));
  const mapping = added.flatMap((pair): [string, string][] => {
    const { forward, reverse } = keysOf(pair);
    return [
      [forward, userOf(pair.lid)],
      [reverse, forward],
    ];
  });
  if (mapping.length > 0) await store.keys.set({ "lid-mapping": Object.fromEntries(mapping) });
  await lidMapping.storeLIDPNMappings(changed);
  await migrateSessions([...added, ...changed], migrateSession, store);
}

/** Moves sessions to the LID, because Baileys looks for the session of a number under its LID as soon as it knows one. */
async function migrateSessions(
  pairs: readonly Pair[],
  migrate: SignalRepositoryWithLIDStore["migrateSession"],
  store: KeyStore,
): Promise<void> {
  if (pairs.length === 0) return;
  const withDevices = await store.existing(
    "device-list",
    pairs.map(({ pn }) => userOf(pn)),
  );
  for (const { lid, pn } of pairs) if (withDevices.has(userOf(pn))) await migrate(pn, lid);
}

const userOf = (jid: string) => jid.split("@")[0] ?? "";
