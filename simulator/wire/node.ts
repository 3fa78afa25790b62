import { inflateSync } from "node:zlib";
import {
  type BinaryNode,
  DOUBLE_BYTE_TOKENS,
  decodeDecompressedBinaryNode,
  encodeBinaryNode,
  SINGLE_BYTE_TOKENS,
  TAGS,
} from "./baileys.ts";
import { SERVER_JID } from "./jid.ts";

export type { BinaryNode };
export type Attrs = Record<string, string>;
type Content = BinaryNode[] | Uint8Array | string;

const COMPRESSED = 2;
const dictionary = { DOUBLE_BYTE_TOKENS, SINGLE_BYTE_TOKENS, TAGS };

export function node(tag: string, attrs: Record<string, string | undefined> = {}, content?: Content): BinaryNode {
  const present: Attrs = {};
  for (const [name, value] of Object.entries(attrs)) if (value !== undefined) present[name] = value;
  return content === undefined ? { tag, attrs: present } : { tag, attrs: present, content };
}

export function encode(stanza: BinaryNode): Buffer {
  return encodeBinaryNode(stanza);
}

/** Throws on bytes that are no binary node. */
export function decode(frame: Buffer): BinaryNode {
  const body = (frame[0] ?? 0) & COMPRESSED ? inflateSync(frame.subarray(1)) : frame.subarray(1);
  return decodeDecompressedBinaryNode(body, dictionary);
}

export function children(stanza: BinaryNode | undefined, tag?: string): BinaryNode[] {
  if (!Array.isArray(stanza?.content)) return [];
  return tag === undefined ? stanza.content : stanza.content.filter((child) => child.tag === tag);
}

export function child(stanza: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  if (!Array.isArray(stanza?.content)) return undefined;
  return stanza.content.find((candidate) => candidate.tag === tag);
}

export function bytes(stanza: BinaryNode | undefined): Buffer | undefined {
  const content = stanza?.content;
  if (content instanceof Uint8Array) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return typeof content === "string" ? Buffer.from(content) : undefined;
}

export function childBytes(stanza: BinaryNode | undefined, tag: string, length?: number): Buffer {
  const found = bytes(child(stanza, tag));
  if (!found || (length !== undefined && found.length !== length)) {
    throw new BadStanza(`<${stanza?.tag}> needs <${tag}>${length === undefined ? "" : ` of ${length} bytes`}`);
  }
  return found;
}

export function childUint(stanza: BinaryNode | undefined, tag: string): number {
  const found = childBytes(stanza, tag);
  return found.readUIntBE(0, found.length);
}

/** The answer `type=result` to an `iq`. */
export function result(iq: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return node("iq", { id: iq.attrs.id, type: "result", from: iq.attrs.to ?? SERVER_JID }, content);
}

/** The answer `type=error` to an `iq`. */
export function failure(iq: BinaryNode, code: number, text: string): BinaryNode {
  return node("iq", { id: iq.attrs.id, type: "error", from: iq.attrs.to ?? SERVER_JID }, [
    node("error", { code: String(code), text }),
  ]);
}

/** A stanza that lacks what its kind must have; answered with 400. */
export class BadStanza extends Error {}

/** Short text of a stanza for logs and failed tests: names and attributes, no contents. */
export function describe(stanza: BinaryNode): string {
  const attrs = Object.entries(stanza.attrs).map(([name, value]) => ` ${name}=${value}`);
  const inner = children(stanza).map(describe).join("");
  return inner ? `<${stanza.tag}${attrs.join("")}>${inner}</${stanza.tag}>` : `<${stanza.tag}${attrs.join("")}/>`;
}
