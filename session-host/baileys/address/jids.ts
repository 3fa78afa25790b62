import {
  type BinaryNode,
  jidDecode,
  jidEncode,
  jidNormalizedUser,
  type SignalKeyStore,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { Person } from "../../../core/event/catalog/group.ts";
import { isLidJid } from "../../../core/message/recipient.ts";

/**
 * Returns the JID of the person or chat, without the device, or an empty string if `jid` is missing or empty. A hosted
 * device (number 99) has a server of its own, and belongs to the person with the same number or LID. Source:
 * `parseMessageSource` in whatsmeow's message.go.
 */
export const plainJid = (jid: string | null | undefined): string =>
  jid
    ? jidNormalizedUser(jid)
        .replace(/@hosted\.lid$/, "@lid")
        .replace(/@hosted$/, "@s.whatsapp.net")
    : "";

export const isPhoneJid = (jid: string) => jid.endsWith("@s.whatsapp.net");

/** Returns the person with these JIDs, or null if all of them are missing or empty. */
export function personOf(...spellings: readonly (string | undefined)[]): Person | null {
  const jids = spellings.map(plainJid).filter((jid) => jid !== "");
  const lid = jids.find(isLidJid) ?? null;
  const id = jids.find(isPhoneJid) ?? lid ?? jids[0];
  return id === undefined ? null : { id, lid };
}

/** Returns the LIDs of those people who have no known phone number. */
export const lidsWithoutPhone = (people: readonly (Person | null)[]) =>
  people.flatMap((person) => (person && isLidJid(person.id) ? [person.id] : []));

/** What a session knows about JIDs: which ones are its own, and the phone numbers (as JIDs) of LIDs. */
export interface JidResolver {
  isMe(jid: string): boolean;
  phones(lids: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** Returns the phone numbers (as JIDs) by LID, for those LIDs whose number the session knows. */
export async function phonesOf(sock: WASocket, lids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const pairs = await sock.signalRepository.lidMapping.getPNsForLIDs([...lids]);
  return new Map(pairs?.map(({ lid, pn }) => [plainJid(lid), plainJid(pn)]));
}

/** Whether a JID names a person, with or without a device. A stanza can contain any text, such as `@g.us`. */
export const isPerson = (jid: string): boolean =>
  /^[^@:]+(?::\d+)?@(?:s\.whatsapp\.net|lid|hosted|hosted\.lid)$/.test(jid);

/**
 * Returns the JIDs of a person that the session knows: the given JID without its device, and the LID or phone number.
 * Makes no request to WhatsApp, because strangers can name any JID.
 */
export async function knownJids({ authState, signalRepository }: WASocket, jid: string): Promise<string[]> {
  const person = plainJid(jid);
  if (isLidJid(person)) {
    const phone = plainJid(await signalRepository.lidMapping.getPNForLID(person));
    return phone ? [person, phone] : [person];
  }
  const user = person.split("@")[0];
  if (!user || !isPhoneJid(person)) return [person];
  const { [user]: lid } = await authState.keys.get("lid-mapping", [user]);
  return lid ? [person, `${lid}@lid`] : [person];
}

/** Returns the LIDs of phone numbers (as JIDs) that the session knows, by number. Makes no request to WhatsApp. */
export async function lidsOf(
  keys: Pick<SignalKeyStore, "get">,
  phones: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const users = [...new Set(phones.flatMap((phone) => phone.split("@")[0] || []))];
  if (users.length === 0) return new Map();
  const lids = await keys.get("lid-mapping", users);
  return new Map(Object.entries(lids).map(([user, lid]) => [`${user}@s.whatsapp.net`, `${lid}@lid`]));
}

/** Returns the LIDs of the devices of numbers that the session knows, as Baileys' `getLIDsForPNs` does. */
export async function storedLids(
  keys: Pick<SignalKeyStore, "get">,
  numbers: readonly string[],
): Promise<{ lid: string; pn: string }[] | null> {
  const known = await lidsOf(keys, numbers.map(phoneOf));
  const pairs = numbers.flatMap((pn) => {
    const [user = ""] = (known.get(phoneOf(pn)) ?? "").split("@");
    const { device = 0, server } = jidDecode(pn) ?? {};
    return user ? [{ pn, lid: jidEncode(user, server === "hosted" ? "hosted.lid" : "lid", device) }] : [];
  });
  return pairs.length > 0 ? pairs : null;
}

/** Returns the phone number, as a JID, of a device. */
const phoneOf = (device: string) => `${jidDecode(device)?.user ?? ""}@s.whatsapp.net`;

/** Replaces the person's LID with the phone number (as a JID), if `phones` has it. */
export function byPhone<Given extends Person | null>(person: Given, phones: ReadonlyMap<string, string>): Given {
  const phone = person && phones.get(person.id);
  return person && phone ? { ...person, id: phone } : person;
}

/** Returns the time of a stanza in Unix seconds, or the current time if the stanza has no time. */
export const secondsOf = ({ attrs }: BinaryNode): number => unixSeconds(attrs.t);

/** The end of the year 9999. Postgres can't read the form in which `toISOString` writes later years. */
const maxSeconds = 253_402_300_799;

/** Returns a Unix time in whole seconds. Returns the current time if the value is not a time. */
export function unixSeconds(value: unknown): number {
  const seconds = Math.floor(Number(value));
  return seconds > 0 && seconds <= maxSeconds ? seconds : Math.floor(Date.now() / 1000);
}

/** By how much the clock of a client may differ from WhatsApp's, in milliseconds. */
const clockToleranceMs = 60_000;

/**
 * Returns the time at which a client wrote something. Uses the client's clock (milliseconds), which gives the order of
 * two things that the client writes within one second. Uses WhatsApp's clock (seconds) if the two differ too much.
 */
export function writtenAt(clientMs: number, whatsappSeconds: number): Date {
  const isPlausible = Math.abs(clientMs - whatsappSeconds * 1000) < clockToleranceMs;
  return new Date(isPlausible ? clientMs : whatsappSeconds * 1000);
}

/**
 * Returns the time at which a client wrote an edit, as `writtenAt` does. A time after WhatsApp received the edit is
 * wrong, and would hide later edits from a client whose clock is right. `byArrival`: the client's clock is not used, so
 * the time has no order within its second.
 */
export function editedAt(clientMs: number, whatsappSeconds: number): { at: Date; byArrival: boolean } {
  const receivedMs = whatsappSeconds * 1000;
  const isPlausible = clientMs < receivedMs + 1000 && clientMs > receivedMs - clockToleranceMs;
  return { at: new Date(isPlausible ? clientMs : receivedMs), byArrival: !isPlausible };
}
