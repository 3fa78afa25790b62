import type { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../core/bound.ts";
import { maxContacts } from "../../../core/message/content/contacts.ts";
import type { Parse } from "./parse.ts";
import { textOrNull } from "./values.ts";
import { readCard } from "./vcard.ts";

/** The longest text of all cards of a message together, in bytes of JSON. */
const maxCardsBytes = 131_072;

const cardOf = ({ displayName, vcard }: proto.Message.IContactMessage, limit: number) =>
  readCard(displayName ?? "", vcard ?? "", limit);

export const parseContact: Parse<"contactMessage"> = (part) => ({
  kind: "contacts",
  heading: null,
  contacts: [cardOf(part, maxCardsBytes)],
});

export const parseContacts: Parse<"contactsArrayMessage"> = (part) => {
  const cards = (part.contacts ?? []).slice(0, maxContacts);
  return {
    kind: "contacts",
    heading: textOrNull(part.displayName, maxBytes.name),
    contacts: cards.map((card) => cardOf(card, Math.floor(maxCardsBytes / cards.length))),
  };
};
