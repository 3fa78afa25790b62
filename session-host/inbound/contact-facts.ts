import {
  type BaileysEventMap,
  type BinaryNode,
  type Contact,
  getBinaryNodeChild,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { ContactFact } from "../../core/contact/merge.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { isPhoneJid, phonesOf, plainJid } from "../baileys/address/jids.ts";

/** Maximum length of a contact's JID. All JIDs of phone numbers are shorter. */
const maxJid = 64;
const isContact = (jid: string) =>
  jid.length <= maxJid && /^[0-9]+(?:-[0-9]+)?@(?:s\.whatsapp\.net|lid|g\.us)$/.test(jid);

/** What Baileys reports about a person or a group. The fields are those of `ContactFact`. */
interface Report {
  jid: string;
  lid?: string | null | undefined;
  name?: string | null | undefined;
  chatName?: string | null | undefined;
  pushName?: string | null | undefined;
  businessName?: string | null | undefined;
  link?: true;
}

/**
 * Converts a report to a fact. Returns undefined if the JID is neither a person nor a group but a channel, a broadcast
 * or a bot.
 */
export function contactFact({
  jid,
  lid,
  name,
  chatName,
  pushName,
  businessName,
  link,
}: Report): ContactFact | undefined {
  const id = plainJid(jid);
  const alias = plainJid(lid);
  if (!isContact(id)) return undefined;
  return {
    jid: id,
    ...defined({
      lid: isPhoneJid(id) && isLidJid(alias) && isContact(alias) ? alias : undefined,
      name,
      chatName: chatName || undefined,
      pushName: pushName || undefined,
      businessName: businessName || undefined,
      link,
    }),
  };
}

/**
 * Converts a contact of Baileys to a fact. Returns undefined if the contact contains nothing to store. Baileys gives a
 * person's phone number, LID, or both.
 */
export function factOfPerson(
  { id, lid, phoneNumber, notify, verifiedName: businessName }: Contact,
  names: Pick<Report, "name" | "chatName"> = {},
): ContactFact | undefined {
  const phone = [id, phoneNumber].map(plainJid).find(isPhoneJid);
  const reported = { ...names, pushName: notify, businessName };
  // Baileys also emits these events for other changes of a person, such as a new picture.
  const isEmpty = Object.values(reported).every((value) => value === undefined);
  if (isEmpty && !(phone && isLidJid(plainJid(lid ?? id)))) return undefined;
  return contactFact({ jid: phone ?? id, lid: isLidJid(plainJid(id)) ? id : lid, ...reported });
}

/** Returns the facts in the history that the phone sends after linking. */
export function factsOfHistory({
  contacts,
  lidPnMappings,
}: BaileysEventMap["messaging-history.set"]): (ContactFact | undefined)[] {
  return [
    ...contacts.map((contact) =>
      // The history also contains groups that the account has left, so it only updates groups that are known already.
      // `readGroups` reads the groups that the account is in.
      isGroupJid(contact.id)
        ? contactFact({ jid: contact.id, chatName: contact.name, link: true })
        : (factOfPerson(contact, { chatName: contact.name }) ?? contactFact({ jid: contact.id })),
    ),
    ...(lidPnMappings ?? []).map(({ lid, pn }) => contactFact({ jid: pn, lid, link: true })),
  ];
}

/** Replaces LIDs with phone numbers in the facts, where the session knows the number. */
export async function withPhones(sock: WASocket, facts: readonly ContactFact[]): Promise<ContactFact[]> {
  const lids = facts.flatMap(({ jid }) => (isLidJid(jid) ? [jid] : []));
  if (lids.length === 0) return [...facts];
  const phones = await phonesOf(sock, lids);
  return facts.map((fact) => {
    const phone = phones.get(fact.jid);
    return phone && isContact(phone) ? { ...fact, jid: phone, lid: fact.jid } : fact;
  });
}

/** Returns the verified business name in a message stanza, or undefined. */
export function verifiedName(stanza: BinaryNode): string | undefined {
  const certificate = getBinaryNodeChild(stanza, "verified_name")?.content;
  if (!(certificate instanceof Uint8Array)) return undefined;
  try {
    const { details } = proto.VerifiedNameCertificate.decode(certificate);
    return proto.VerifiedNameCertificate.Details.decode(details ?? new Uint8Array()).verifiedName || undefined;
  } catch {
    // Baileys rejects such a message itself.
    return undefined;
  }
}
