import { boundText, maxBytes } from "../../../core/bound.ts";
import type { ContactCard } from "../../../core/message/content/contacts.ts";

/** The longest vCard that is kept, in bytes of JSON. WhatsApp's apps write about 300 bytes, and up to 30 kB with a photo. */
const maxCardBytes = 8_192;
/** The most numbers, and the most e-mail addresses, of a card. */
const maxEntries = 20;

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
  /** The longest text of the card that is kept, in bytes of JSON. */
  limit: number;
  /** Called if only the beginning of the card is kept. */
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
  return {
    name: boundText(displayName || first("FN") || nameFrom(first("N")) || "", maxBytes.name),
    numbers: valuesOf("TEL").slice(0, maxEntries).map(numberOf),
    emails: valuesOf("EMAIL")
      .slice(0, maxEntries)
      .map((property) => boundText(plainValue(property), maxBytes.name)),
    organization: boundText(first("ORG")?.replaceAll(";", " ").trim() ?? "", maxBytes.name) || null,
    vcard,
  };
}

function numberOf(property: Property) {
  const { parameters, value } = property;
  const waid = parameterOf(parameters, "WAID");
  const type = parameterOf(parameters, "TYPE") ?? parameters.find((parameter) => /^[A-Za-z]{1,20}$/.test(parameter));
  return {
    number: boundText(value.replace(/^tel:/i, "").trim(), maxBytes.name),
    type: type ? boundText(type.toUpperCase(), maxBytes.mimetype) : null,
    whatsappNumber: waid && /^[0-9]{1,20}$/.test(waid) ? waid : null,
  };
}

const parameterOf = (parameters: readonly string[], name: string): string | undefined =>
  parameters
    .find((parameter) => parameter.slice(0, name.length + 1).toUpperCase() === `${name}=`)
    ?.slice(name.length + 1)
    .replaceAll('"', "");

/** Lines that begin with a space or a tab continue the line before. */
const linesOf = (card: string) => card.replaceAll("\r", "").split("\n");

function propertiesOf(card: string): Property[] {
  const lines: string[] = [];
  for (const line of linesOf(card)) {
    if (/^[ \t]/.test(line) && lines.length > 0) lines.push(`${lines.pop()}${line.slice(1)}`);
    else lines.push(line);
  }
  return lines.flatMap((line) => {
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
