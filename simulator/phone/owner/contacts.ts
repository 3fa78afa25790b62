import { PN_SERVER } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

/**
 * Collection and format version of the entries. Source: `contactAction` of `chatModificationToAppPatch` in Baileys'
 * Utils/chat-utils.ts.
 */
const COLLECTION = "critical_unblock_low";
const VERSION = 2;

const index = (number: string): string[] => ["contact", `${number}@${PN_SERVER}`];

/**
 * Adds or renames a contact in the phone's address book, which its linked devices share.
 * @param number digits only
 */
export function saveContact(phone: Phone, number: string, name: string): void {
  const lid = phone.world.accounts.get(number)?.lidJid;
  const contactAction = {
    fullName: name,
    firstName: name.split(" ")[0] ?? name,
    saveOnPrimaryAddressbook: true,
    ...(lid === undefined ? {} : { lidJid: lid }),
  };
  phone.appState.set(COLLECTION, index(number), { contactAction }, VERSION);
}

/** Removes a contact from the address book. */
export function removeContact(phone: Phone, number: string): void {
  phone.appState.remove(COLLECTION, index(number), { contactAction: {} }, VERSION);
}
