import { boundText, queueBytes } from "../bound.ts";
import { storableJson } from "../db/index.ts";

/**
 * The largest data of an event, in bytes of JSON. SQS accepts 1 MiB per message; the rest is for the other fields of the
 * message, and for the fields that a webhook adds.
 */
const maxDataBytes = 900_000;

/** The limits of strings (bytes of JSON) and lists (items) that are tried one after the other. */
const cuts = [
  { text: 65_536, items: 1_000 },
  { text: 4_096, items: 500 },
  { text: 512, items: 100 },
] as const;

/**
 * Returns the data of an event as JSON that Postgres can store, in a size that the queue accepts. What strangers write is bounded where it arrives, so
 * this only catches an event that escaped those limits: it cuts all strings and lists of the event, and sets
 * `truncated`.
 */
export function fittedJson(data: object): string {
  const json = storableJson(data);
  if (fits(json)) return json;
  for (const cut of cuts) {
    const shorter = storableJson({ ...(cutParts(data, cut) as object), truncated: true });
    if (fits(shorter)) return shorter;
  }
  // No event of the catalog is as large. The relay parks an event that the queue refuses.
  return json;
}

// A character has at most six bytes, so a short text fits without being measured.
const fits = (json: string) => json.length * 6 <= maxDataBytes || queueBytes(json) <= maxDataBytes;

function cutParts(part: unknown, cut: (typeof cuts)[number]): unknown {
  if (typeof part === "string") return boundText(part, cut.text);
  if (Array.isArray(part)) return part.slice(0, cut.items).map((item) => cutParts(item, cut));
  if (typeof part !== "object" || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([field, value]) => [field, cutParts(value, cut)]));
}
