import { type BinaryNode, jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { Person } from "../../core/event/catalog/group.ts";
import { isLidJid } from "../../core/message/recipient.ts";

const plain = (jid: string | undefined) => (jid ? jidNormalizedUser(jid) : "");
const isPhoneJid = (jid: string) => jid.endsWith("@s.whatsapp.net");

/** Somebody as a stanza names them, by one JID or by two; null when by none. */
export function personOf(...told: readonly (string | undefined)[]): Person | null {
  const jids = told.map(plain).filter((jid) => jid !== "");
  const lid = jids.find(isLidJid) ?? null;
  const id = jids.find(isPhoneJid) ?? lid ?? jids[0];
  return id === undefined ? null : { id, lid };
}

/** The persons who are named by their LID only. */
export const withoutPhone = (persons: readonly (Person | null)[]) =>
  persons.flatMap((person) => (person && isLidJid(person.id) ? [person.id] : []));

/** Whom a session knows: whether a JID is its own account, and the phone numbers, as JIDs, behind LIDs. */
export interface Acquaintance {
  isMe(jid: string): boolean;
  phones(lids: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export async function phonesOf(sock: WASocket, lids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const pairs = await sock.signalRepository.lidMapping.getPNsForLIDs([...lids]);
  return new Map(pairs?.map(({ lid, pn }) => [plain(lid), plain(pn)]));
}

export function byPhone<One extends Person | null>(person: One, phones: ReadonlyMap<string, string>): One {
  const phone = person && phones.get(person.id);
  return person && phone ? { ...person, id: phone } : person;
}

/** When a stanza says that it happened, in Unix seconds; now when it does not. */
export function secondsOf({ attrs }: BinaryNode): number {
  const told = Number(attrs.t);
  return Number.isFinite(told) && told > 0 ? Math.floor(told) : Math.floor(Date.now() / 1000);
}
