import { boundText, queueBytes } from "./bound.ts";

/**
 * The limits of strings (bytes of JSON) and of lists and records (items) that are tried one after the other. No limit is
 * shorter than an id, so ids stay whole (`boundId`, `boundJid`).
 */
const cuts = [
  { text: 65_536, items: 1_000 },
  { text: 4_096, items: 500 },
  { text: 512, items: 100 },
  { text: 256, items: 30 },
  { text: 256, items: 10 },
  { text: 256, items: 3 },
  { text: 256, items: 1 },
] as const;
type Cut = (typeof cuts)[number];

/** The most fields of an object: those of the schemas are fewer, so that only records of a sender are cut. */
const maxFields = 100;

/** Whether JSON text has at most `limit` bytes in a message of a queue. */
export const fits = (json: string, limit: number): boolean =>
  // A character has at most six bytes, so a short text fits without being measured.
  json.length * 6 <= limit || queueBytes(json) <= limit;

/** Yields copies of a value whose strings, lists and records are cut more and more. */
export function* shorterCopies<Value extends object>(value: Value): Generator<Value> {
  for (const cut of cuts) yield cutPart(value, cut) as Value;
}

function cutPart(part: unknown, cut: Cut): unknown {
  if (typeof part === "string") return boundText(part, cut.text);
  if (Array.isArray(part)) return part.slice(0, cut.items).map((item) => cutPart(item, cut));
  if (typeof part !== "object" || part === null) return part;
  if ("toJSON" in part && typeof part.toJSON === "function") return part;
  const fields = Object.entries(part).slice(0, Math.max(cut.items, maxFields));
  return Object.fromEntries(fields.map(([field, value]) => [field, cutPart(value, cut)]));
}
