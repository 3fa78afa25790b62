import { boundText } from "../bound.ts";
import { fits, shorterCopies } from "../cut.ts";
import { storableJson } from "../db/index.ts";

/**
 * The largest data of an event, in bytes of JSON. SQS accepts 1 MiB per message; the rest is for the other fields of the
 * message, and for the fields that a webhook adds.
 */
const maxDataBytes = 900_000;

/** The longest name, and the most names, of fields in the last resort. The events of the catalog have fewer. */
const maxName = 256;
const maxFields = 200;
/** The longest string in the last resort, in bytes of JSON. Ids are shorter. */
const maxText = 1_024;

/**
 * Returns the data of an event as JSON that Postgres can store, in a size that the queue accepts. What strangers write is bounded where it arrives, so
 * this only catches an event that escaped those limits: it cuts all strings and lists of the event, and sets
 * `truncated`. If that is not enough, it leaves out `content`, and at last everything that is nested.
 */
export function fittedJson(data: object): string {
  const json = storableJson(data);
  if (fits(json, maxDataBytes)) return json;
  const noContent = "content" in data ? { content: null } : {};
  for (const dropped of [{}, noContent])
    for (const copy of shorterCopies({ ...data, ...dropped })) {
      const shorter = storableJson({ ...copy, truncated: true });
      if (fits(shorter, maxDataBytes)) return shorter;
    }
  return storableJson({ ...withoutParts(data), truncated: true });
}

function withoutParts(data: object): object {
  const fields = Object.entries(data).filter(([name]) => name.length <= maxName);
  return Object.fromEntries(fields.slice(0, maxFields).map(([name, value]) => [name, withoutPart(value)]));
}

function withoutPart(value: unknown): unknown {
  if (typeof value === "string") return boundText(value, maxText);
  if (Array.isArray(value)) return [];
  return typeof value === "object" ? null : value;
}
