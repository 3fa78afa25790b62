import { inflateSync } from "node:zlib";
import {
  type BinaryNode,
  DOUBLE_BYTE_TOKENS,
  decodeDecompressedBinaryNode,
  encodeBinaryNode,
  SINGLE_BYTE_TOKENS,
  TAGS,
} from "./baileys.ts";

export type { BinaryNode };
export type Attrs = Record<string, string>;
type Content = BinaryNode[] | Uint8Array | string;

const COMPRESSED = 2;
const dictionary = { DOUBLE_BYTE_TOKENS, SINGLE_BYTE_TOKENS, TAGS };

/** Builds a stanza or an element of a stanza. Omits attributes that are undefined. */
export function node(tag: string, attrs: Record<string, string | undefined> = {}, content?: Content): BinaryNode {
  const present: Attrs = {};
  for (const [name, value] of Object.entries(attrs)) if (value !== undefined) present[name] = value;
  return content === undefined ? { tag, attrs: present } : { tag, attrs: present, content };
}

export function encode(stanza: BinaryNode): Buffer {
  return encodeBinaryNode(stanza);
}

/** Decodes the payload of a frame, which can be compressed. Throws if it is not a binary node. */
export function decode(frame: Buffer): BinaryNode {
  const body = (frame[0] ?? 0) & COMPRESSED ? inflateSync(frame.subarray(1)) : frame.subarray(1);
  return decodeDecompressedBinaryNode(body, dictionary);
}

/** Returns the child elements, or those with a tag. */
export function children(stanza: BinaryNode | undefined, tag?: string): BinaryNode[] {
  if (!Array.isArray(stanza?.content)) return [];
  return tag === undefined ? stanza.content : stanza.content.filter((child) => child.tag === tag);
}

/** Returns the first child element with a tag. */
export function child(stanza: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  if (!Array.isArray(stanza?.content)) return undefined;
  return stanza.content.find((candidate) => candidate.tag === tag);
}

/** Returns the binary or text content of an element. */
export function bytes(stanza: BinaryNode | undefined): Buffer | undefined {
  const content = stanza?.content;
  if (content instanceof Uint8Array) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return typeof content === "string" ? Buffer.from(content) : undefined;
}

/** Returns the content of a child element. Throws `BadStanza` if the child is absent or has the wrong length. */
export function childBytes(stanza: BinaryNode | undefined, tag: string, length?: number): Buffer {
  const found = bytes(child(stanza, tag));
  if (!found || (length !== undefined && found.length !== length)) {
    throw new BadStanza(`<${stanza?.tag}> needs <${tag}>${length === undefined ? "" : ` of ${length} bytes`}`);
  }
  return found;
}

/** Returns the content of a child element as a big-endian unsigned integer. Throws `BadStanza` if the child is absent. */
export function childUint(stanza: BinaryNode | undefined, tag: string): number {
  const found = childBytes(stanza, tag);
  return found.readUIntBE(0, found.length);
}

/** A stanza lacks a required part, or one of its parts is malformed. The server answers such an `iq` with 400. */
export class BadStanza extends Error {}

/** Describes a stanza for a test report: its tags and attributes, without binary or text content. */
export function describe(stanza: BinaryNode): string {
  const attrs = Object.entries(stanza.attrs).map(([name, value]) => ` ${name}=${value}`);
  const inner = children(stanza).map(describe).join("");
  return inner ? `<${stanza.tag}${attrs.join("")}>${inner}</${stanza.tag}>` : `<${stanza.tag}${attrs.join("")}/>`;
}
