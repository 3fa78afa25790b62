import { changePicture } from "../../stanza/account/picture.ts";
import { changePrivacy } from "../../stanza/account/privacy.ts";
import { toJid } from "../../wire/jid.ts";
import { node } from "../../wire/node.ts";
import type { Phone } from "../phone.ts";
import { NotOnWhatsApp } from "../sender.ts";

/** The profile that the owner shows, and the people that the owner blocks. */
export type PhoneProfile = {
  about: string;
  picture: boolean;
  /** The settings that were changed. The others are `all`. */
  privacy: Record<string, string>;
};

export const profileOf = ({ account }: Phone): PhoneProfile => ({
  about: account.about,
  picture: account.picture !== undefined,
  privacy: Object.fromEntries(account.privacy),
});

export function setAbout(phone: Phone, about: string): void {
  phone.account.about = about;
}

/** Sets the profile picture, a JPEG, or removes it. The contacts' devices learn that it has changed. */
export function setPicture(phone: Phone, image: Buffer | null): void {
  changePicture(phone.world, phone.account, image ?? undefined);
}

/** Throws `Refusal` for an unknown setting or value. */
export function setPrivacy(phone: Phone, name: string, value: string): void {
  changePrivacy(phone.account, name, value);
}

/** Returns the JIDs of the people that the owner has blocked. */
export const blockedOf = ({ account }: Phone): string[] => [...account.blocked].map((lid) => `${lid}@lid`);

/**
 * Blocks a person, or unblocks the person. The linked devices learn it. Source of the notification: `account_sync` with
 * `blocklist` in Baileys' Socket/messages-recv.js.
 * @param contact a phone number or JID
 */
export function setBlocked(phone: Phone, contact: string, blocked = true): void {
  const { world, account } = phone;
  const person = world.accountOf(toJid(contact));
  if (!person) throw new NotOnWhatsApp(`${contact} is not on WhatsApp`);
  if (blocked) account.blocked.add(person.lid);
  else account.blocked.delete(person.lid);
  const item = node("item", { jid: person.lidJid, action: blocked ? "block" : "unblock" });
  for (const companion of account.companions.values()) {
    const attrs = { from: account.pnJid, id: world.nextId(), t: world.seconds, type: "account_sync" };
    companion.deliver(node("notification", attrs, [node("blocklist", {}, [item])]));
  }
}
