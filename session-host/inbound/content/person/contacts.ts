import type { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../../core/bound.ts";
import { maxContacts } from "../../../../core/message/content/person/contacts.ts";
import type { Parse, Scope } from "../parse.ts";
import { textOrNull } from "../values.ts";
import { readCard } from "./vcard.ts";

/** The longest text of all cards of a message together, in bytes of JSON. */
const maxCardsBytes = 131_072;

const cardOf = ({ displayName, vcard }: proto.Message.IContactMessage, limit: number, { noteCut }: Scope) =>
  readCard({ displayName: displayName ?? "", card: vcard ?? "", limit, noteCut });

export const parseContact: Parse<"contactMessage"> = (part, scope) => ({
  kind: "contacts",
  heading: null,
  contacts: [cardOf(part, maxCardsBytes, scope)],
});

export const parseContacts: Parse<"contactsArrayMessage"> = (part, scope) => {
  const all = part.contacts ?? [];
  const cards = all.slice(0, maxContacts);
  if (cards.length < all.length) scope.noteCut();
  const limit = Math.floor(maxCardsBytes / cards.length);
  return {
    kind: "contacts",
    heading: textOrNull(scope, part.displayName, maxBytes.name),
    contacts: cards.map((card) => cardOf(card, limit, scope)),
  };
};
