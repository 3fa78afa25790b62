import { boundText, jsonBytes, maxBytes } from "../../../../core/bound.ts";
import type { ContactCard } from "../../../../core/message/content/person/contacts.ts";

/** The longest vCard that is kept, in bytes of JSON. WhatsApp's apps write about 300 bytes, and up to 30 kB with a photo. */
const maxCardBytes = 8_192;
/** The most numbers, and the most e-mail addresses, of a card. */
const maxEntries = 20;
/** The names of the fields of a number in JSON, which count like its text. */
const entryBytes = 64;

/** A property of a vCard: `item1.TEL;type=CELL;waid=4915550000001:+49 1555 0000001`. */
interface Property {
  name: string;
  parameters: string[];
  value: string;
}

/** A vCard, and the name that the sender's app shows for it. */
export interface RawCard {
  displayName: string;
  card: string;
  /** The longest text of the card that is kept, and the most that is kept of its fields, each in bytes of JSON. */
  limit: number;
  /** Called if only the beginning of the card, or of one of its fields or lists, is kept. */
  noteCut(): void;
}

/**
 * Reads a vCard (RFC 2426, RFC 6350, and the older form that Android writes). The photo is left out.
 */
export function readCard({ displayName, card, limit, noteCut }: RawCard): ContactCard {
  const properties = propertiesOf(card);
  const valuesOf = (name: string) => properties.flatMap((property) => (property.name === name ? [property] : []));
  const first = (name: string) => valuesOf(name).map(plainValue).find(Boolean);
  const text = withoutPhoto(card);
  const vcard = boundText(text, Math.min(limit, maxCardBytes));
  if (vcard.length < text.length) noteCut();
  const budget = new Budget(limit, noteCut);
  return {
    name: budget.text(displayName || first("FN") || nameFrom(first("N")) || ""),
    organization: budget.text(first("ORG")?.replaceAll(";", " ").trim() ?? "") || null,
    numbers: budget.entries(valuesOf("TEL"), (property) => numberOf(property, budget)),
    emails: budget.entries(valuesOf("EMAIL"), (property) => budget.text(plainValue(property))),
    vcard,
  };
}

/** What is left of the limit of the fields of a card. */
class Budget {
  #left: number;
  readonly #noteCut: () => void;

  constructor(limit: number, noteCut: () => void) {
    this.#left = limit;
    this.#noteCut = noteCut;
  }

  text(text: string, limit: number = maxBytes.name): string {
    const bounded = boundText(text, Math.max(0, Math.min(limit, this.#left)));
    if (bounded.length < text.length) this.#noteCut();
    this.#left -= jsonBytes(bounded);
    return bounded;
  }

  /** Returns the first entries that the limit allows. */
  entries<Entry>(properties: readonly Property[], read: (property: Property) => Entry): Entry[] {
    const entries: Entry[] = [];
    for (const property of properties) {
      this.#left -= entryBytes;
      if (entries.length === maxEntries || this.#left <= 0) {
        this.#noteCut();
        break;
      }
      entries.push(read(property));
    }
    return entries;
  }
}

function numberOf({ parameters, value }: Property, budget: Budget) {
  const waid = parameterOf(parameters, "WAID");
  const type = parameterOf(parameters, "TYPE") ?? parameters.find((parameter) => /^[A-Za-z]{1,20}$/.test(parameter));
  const whatsappNumber = waid && /^[0-9]{1,20}$/.test(waid) ? budget.text(waid) : "";
  return {
    number: budget.text(value.replace(/^tel:/i, "").trim()),
    type: type ? budget.text(type.toUpperCase(), maxBytes.mimetype) || null : null,
    whatsappNumber: whatsappNumber === waid ? waid : null,
  };
}

const parameterOf = (parameters: readonly string[], name: string): string | undefined =>
  parameters
    .find((parameter) => parameter.slice(0, name.length + 1).toUpperCase() === `${name}=`)
    ?.slice(name.length + 1)
    .replaceAll('"', "");

const linesOf = (card: string) => card.replaceAll("\r", "").split("\n");

/**
 * A line continues the line before if it begins with a space or a tab, or if that one ends with the soft line break "="
 * of quoted-printable text (RFC 2045, which vCard 2.1 uses).
 */
function propertiesOf(card: string): Property[] {
  // Each line with the lines that continue it.
  const lines: string[][] = [];
  let isQuoted = false;
  let isSoft = false;
  for (const line of linesOf(card)) {
    const folded = !isSoft && /^[ \t]/.test(line);
    const last = isSoft || folded ? lines.at(-1) : undefined;
    if (!last) isQuoted = /QUOTED-PRINTABLE/i.test(line.slice(0, Math.max(0, line.indexOf(":"))));
    isSoft = isQuoted && line.endsWith("=");
    const text = line.slice(last && folded ? 1 : 0, isSoft ? -1 : undefined);
    if (last) last.push(text);
    else lines.push([text]);
  }
  return lines.flatMap((parts) => {
    const line = parts.join("");
    const colon = line.indexOf(":");
    if (colon < 0) return [];
    const [head = "", ...parameters] = line.slice(0, colon).split(";");
    const name = head.slice(head.lastIndexOf(".") + 1).toUpperCase();
    return [{ name, parameters, value: line.slice(colon + 1) }];
  });
}

/** Returns the value of a property without its escapes. */
function plainValue({ parameters, value }: Property): string {
  const isQuoted = parameters.some((parameter) => parameter.toUpperCase().endsWith("QUOTED-PRINTABLE"));
  const decoded = isQuoted ? fromQuotedPrintable(value) : value;
  return decoded
    .replaceAll(/\\([\\,;:])/g, "$1")
    .replaceAll(/\\[nN]/g, " ")
    .trim();
}

function fromQuotedPrintable(text: string): string {
  const latin = text.replaceAll(/=([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin, "latin1").toString("utf8");
}

/** Returns "Ada Lovelace" for "Lovelace;Ada;;;". */
function nameFrom(parts: string | undefined): string {
  const [family = "", given = ""] = (parts ?? "").split(";");
  return `${given} ${family}`.trim();
}

function withoutPhoto(card: string): string {
  let inPhoto = false;
  const kept = linesOf(card).filter((line) => {
    if (!/^[ \t]/.test(line)) inPhoto = /^(?:[A-Za-z0-9-]{1,20}\.)?PHOTO[;:]/i.test(line);
    return !inPhoto;
  });
  return kept.join("\n");
}
