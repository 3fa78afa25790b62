import * as z from "zod";
import { defineContent } from "../define.ts";

/** The most contacts of a message. WhatsApp's apps send up to 257. */
export const maxContacts = 257;

const contact = z.object({
  /** The name that the sender's app shows. */
  name: z.string(),
  numbers: z.array(
    z.object({
      /** The number as it is in the card, such as "+49 1555 0000001". */
      number: z.string(),
      /** What the card says about the number: CELL, HOME, WORK, … */
      type: z.string().nullable(),
      /** Digits of the number on WhatsApp. Null if the card doesn't state that the number is on WhatsApp. */
      whatsappNumber: z.string().nullable(),
    }),
  ),
  emails: z.array(z.string()),
  organization: z.string().nullable(),
  /** The vCard as its sender wrote it. A long one is cut. */
  vcard: z.string(),
});
export type ContactCard = z.output<typeof contact>;

export const contacts = defineContent({
  kind: "contacts",
  summary: "One or more contact cards",
  schema: z.object({
    kind: z.literal("contacts"),
    /** The heading that the sender's app gives several cards, such as "3 contacts". */
    heading: z.string().nullable(),
    contacts: z.array(contact),
  }),
  text: ({ contacts: cards, heading }) =>
    cards
      .map(({ name }) => name)
      .filter(Boolean)
      .slice(0, 20)
      .join(", ") ||
    (heading ?? ""),
  protobuf: ({ contacts: cards, heading }) => {
    const parts = cards.map(({ name, vcard }) => ({ displayName: name, vcard }));
    const [single] = parts;
    return heading === null && parts.length === 1 && single ? single : { displayName: heading, contacts: parts };
  },
});
