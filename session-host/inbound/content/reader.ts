import type { proto } from "@whiskeysockets/baileys";
import { boundCount, boundId, boundText, isJid, jsonBytes, maxBytes } from "../../../core/bound.ts";
import { readJson } from "../../../core/json.ts";
import type { MessageReference, Money } from "../../../core/message/content/parts.ts";
import type { Scope } from "./parse.ts";

/** The most text that is kept of the content of one message, in bytes of JSON text. An event has at most 900 kB. */
const maxContentBytes = 262_144;
/** WhatsApp's Cloud API allows 4,096 characters in the text of a message with buttons. */
const maxMainBytes = 65_536;

type Text = string | null | undefined;
type Int = Parameters<typeof Number>[0];

/** Reads the fields of one message, whose sender may be hostile. All its texts together have at most `maxContentBytes`. */
export class Reader {
  #left = maxContentBytes;
  readonly #scope: Pick<Scope, "noteCut">;

  constructor(scope: Pick<Scope, "noteCut">) {
    this.#scope = scope;
  }

  /** Returns the beginning of a list. */
  list<Item>(items: readonly Item[] | null | undefined, most: number): readonly Item[] {
    if (items && items.length > most) this.#scope.noteCut();
    return (items ?? []).slice(0, most);
  }

  /** The main text of a message. */
  main(text: Text): string {
    return this.#take(text, maxMainBytes);
  }

  /** A text or description besides the main text. */
  detail(text: Text): string {
    return this.#take(text, maxBytes.detail);
  }

  /** A title, label or name. */
  name(text: Text): string {
    return this.#take(text, maxBytes.name);
  }

  url(text: Text): string | null {
    return this.orNull(this.#take(text, maxBytes.path));
  }

  /** An id, which is never cut: one that is too long becomes its hash. */
  id(id: Text): string | null {
    return id ? boundId(id) : null;
  }

  /**
   * An id of the sender's own choice, such as that of a row. It may have any characters, and its receiver must send
   * it back unchanged.
   */
  ownId(id: Text): string | null {
    return this.orNull(this.name(id));
  }

  jid(jid: Text): string | null {
    return jid && isJid(jid) ? jid : null;
  }

  jids(jids: readonly string[] | null | undefined, most: number): string[] {
    return [...this.list((jids ?? []).filter(isJid), most)];
  }

  orNull(text: string): string | null {
    return text === "" ? null : text;
  }

  /** Returns the JSON text of an object and its fields. A text that is too long is left out whole. */
  json(json: Text, limit: number = maxBytes.detail): { json: string | null; fields: Record<string, unknown> } {
    if (!json) return { json: null, fields: {} };
    const { value, error } = readJson(json, "parameters");
    const fields = !error && value && typeof value === "object" && !Array.isArray(value) ? value : {};
    const fits = jsonBytes(json) <= Math.min(limit, this.#left);
    if (!fits) this.#scope.noteCut();
    return { json: fits ? this.#take(json, limit) : null, fields: fields as Record<string, unknown> };
  }

  #take(text: Text, limit: number): string {
    if (!text) return "";
    const bounded = boundText(text, Math.min(limit, this.#left));
    if (bounded.length < text.length) this.#scope.noteCut();
    this.#left -= jsonBytes(bounded);
    return bounded;
  }
}

/** Returns a field of parsed JSON as text, or "". */
export function textField(fields: Record<string, unknown>, ...names: string[]): string {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string" && value) return value;
    if (typeof value === "number") return String(value);
  }
  return "";
}

/** Returns a field of parsed JSON as a list of objects. */
export function listField(fields: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter((item) => item && typeof item === "object" && !Array.isArray(item)) : [];
}

/** Converts Unix seconds to ISO 8601. Returns null if the time is missing, or if `Date` cannot represent the time. */
export function isoOf(seconds: Int): string | null {
  const at = new Date(Number(seconds ?? 0) * 1000);
  return Number(seconds ?? 0) > 0 && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
}

export const isoOfMs = (ms: Int) => isoOf(Number(ms ?? 0) / 1000);

/** Returns a whole number from 0 on, or null if the field is missing or not one. */
export const countOf = (value: Int): number | null =>
  value === null || value === undefined ? null : boundCount(value);

/** Returns an amount that WhatsApp states in parts of the currency, such as thousandths. */
export function moneyOf(value: Int, parts: number, currency: Text): Money | null {
  if (value === null || value === undefined) return null;
  const amount = Number(value) / (parts > 0 ? parts : 1000);
  if (!Number.isFinite(amount)) return null;
  return { amount, currency: currency ? boundText(currency, 16) || null : null };
}

/** Returns the message that a key names, or null. */
export function referenceOf(key: proto.IMessageKey | null | undefined): MessageReference | null {
  if (!key?.id) return null;
  const jid = (value: Text) => (value && isJid(value) ? value : null);
  return {
    messageId: boundId(key.id),
    chatId: jid(key.remoteJid),
    senderId: jid(key.participant),
    fromMe: key.fromMe === true,
  };
}

/** Returns the name of a value of a protobuf enum. Null if the field is missing or newer than this version. */
export function enumOf<const Name extends string>(
  names: Readonly<Record<number, Name>>,
  value: number | null | undefined,
): Name | null {
  return value === null || value === undefined ? null : (names[value] ?? null);
}
