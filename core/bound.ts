import { createHash } from "node:crypto";
import { storableText } from "./text.ts";

/**
 * The longest strings that are kept of what strangers write, by the kind of the field, in bytes of JSON text
 * (`jsonBytes`). WhatsApp's apps write only shorter ones. The sum of all fields of an event is far below the limit of
 * SQS.
 */
export const maxBytes = {
  /** A text or caption. WhatsApp refuses texts of more than 65,536 bytes of UTF-8. Quotes and line breaks count twice. */
  text: 131_072,
  /** The text of a quoted message, a description, or the name of a place. */
  detail: 8_192,
  /** An option of a poll. */
  option: 1_024,
  /** The name of a person, group, file or the like. */
  name: 1_024,
  mimetype: 256,
  /** A URL, or a path on the media host. */
  path: 4_096,
} as const;

/** The longest id, JID or key that is kept unchanged, in characters. A longer one is replaced by its hash. */
const maxId = 128;
const maxKey = 256;

const hash = (text: string) => createHash("sha256").update(text).digest("hex");

/**
 * Returns the size of JSON text in a message of a queue, in bytes. U+FFFE and U+FFFF count as six bytes, because the
 * messages contain their escapes (see `queue/sqs.ts`).
 */
export const queueBytes = (json: string): number =>
  Buffer.byteLength(json) + 3 * (json.match(/[\uFFFE\uFFFF]/g)?.length ?? 0);

/** Returns the size of a string in a message of a queue: its JSON text without the quotes, in bytes of UTF-8. */
export const jsonBytes = (text: string): number => queueBytes(JSON.stringify(text)) - 2;

/**
 * Returns text that Postgres can store and that has at most `limit` bytes of JSON text. Cuts a longer text, but no
 * character in half.
 */
export function boundText(text: string, limit: number): string {
  // Each UTF-16 unit has at least one byte. One extra unit shows whether the text must be cut.
  const clean = storableText(text.length > limit ? text.slice(0, limit + 1) : text);
  if (clean.length * 6 <= limit || jsonBytes(clean) <= limit) return clean;
  let bytes = 0;
  let end = 0;
  for (let code = 0; end < clean.length; end += code > 0xffff ? 2 : 1) {
    code = clean.codePointAt(end) ?? 0;
    bytes += characterBytes(code);
    if (bytes > limit) break;
  }
  return clean.slice(0, end);
}

/** Returns the size of one character as `jsonBytes` counts it. */
function characterBytes(code: number): number {
  if (code < 0x20) return code >= 0x08 && code <= 0x0d && code !== 0x0b ? 2 : 6;
  if (code < 0x80) return code === 0x22 || code === 0x5c ? 2 : 1;
  if (code < 0x800) return 2;
  if (code > 0xffff) return 4;
  return code >= 0xfffe ? 6 : 3;
}

/**
 * Returns an id that a sender chose, such as that of a message. Replaces an id that is too long or has other characters
 * than printable ASCII by its hash: the same id always becomes the same hash, so that it still identifies the message.
 */
export const boundId = (id: string): string =>
  id.length <= maxId && /^[\x21-\x7e]*$/.test(id) ? id : `sha256-${hash(id)}`;

/** Whether the string has the form of a JID. */
export const isJid = (jid: string): boolean => jid.length <= maxId && /^[\w.:-]{1,96}@[a-z0-9.-]{1,31}$/.test(jid);

/** Returns a JID. If the JID is too long or malformed, replaces its user part by a hash and keeps its server. */
export function boundJid(jid: string): string {
  if (jid.length <= maxId && /^[\x21-\x7e]*$/.test(jid)) return jid;
  const server = /@([a-z0-9.-]{1,31})$/.exec(jid.slice(-32))?.[1] ?? "invalid";
  return `sha256-${hash(jid)}@${server}`;
}

/** Returns a key for an index of the database, whose rows have at most 2,704 bytes. Hashes what it can't store. */
export const boundKey = (key: string): string =>
  key.length <= maxKey && /^[\x20-\x7e]*$/.test(key) ? key : `sha256:${hash(key)}`;

/** Returns a whole number from 0 to `max`, or null if the value is not one. */
export function boundCount(value: unknown, max: number = Number.MAX_SAFE_INTEGER): number | null {
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 && number <= max ? number : null;
}

/** The largest value of the type `integer` of Postgres. */
export const maxInteger = 2_147_483_647;
