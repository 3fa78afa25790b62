import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import { boundId, boundJid, boundText, isJid, maxBytes } from "../../core/bound.ts";
import { maxMentions, maxOptions } from "../../core/message/context.ts";
import { maxWrappers } from "./content/unwrap.ts";

/** Elements and parts of a content that are nested deeper are dropped. WhatsApp's apps nest about ten levels. */
const maxDepth = 40;
/** The same for a message, whose content may be in wrappers: each adds itself and its message. */
const maxMessageDepth = 2 * maxWrappers + maxDepth;
/** The longest list in a message, unless `maxItems` has its field. */
const maxList = 1_000;
const maxItems: Partial<Record<string, number>> = { mentionedJid: maxMentions, options: maxOptions };

const isJidField = (field: string) => /^(?:participant|jid)$|Jid$/.test(field);
const isIdField = (field: string) => /^id$|Id$|ID$/.test(field);

/**
 * Ids that a business chooses for its rows, buttons and products. They may have spaces and any other characters, up to
 * 256 of them, and the business gets them back in the choice of a person. They are texts, because a hash would be of no
 * use for the business. Source: WhatsApp Cloud API, "Interactive Reply Buttons Messages" and "Interactive List Messages".
 */
const ownIds: ReadonlySet<string> = new Set([
  "rowId",
  "selectedRowId",
  "buttonId",
  "selectedButtonId",
  "selectedId",
  "retailerId",
  "quickReplyButton.id",
]);
const isOwnId = (field: string, parent: string) => ownIds.has(field) || ownIds.has(`${parent}.${field}`);

/** The limits of strings in a message, by the name of their field in the protobuf. All other strings are texts. */
const fieldBytes: Partial<Record<string, number>> = {
  mimetype: maxBytes.mimetype,
  fileName: maxBytes.name,
  displayName: maxBytes.name,
  optionName: maxBytes.option,
  directPath: maxBytes.path,
  url: maxBytes.path,
  URL: maxBytes.path,
};

/**
 * Bounds every string and list of a decoded message, in place, before anything else reads the message: its sender may
 * be a stranger and may use another program than WhatsApp's apps. Makes texts storable and cuts long ones, replaces
 * malformed ids by hashes (`boundId`), and drops malformed JIDs. Bytes stay as they are.
 */
export function boundMessage(message: proto.IMessage): Cuts {
  const cuts = { truncated: false, contextTruncated: false };
  boundFields(message as Record<string, unknown>, { cuts, inContext: false }, { parent: "", depth: 0 });
  return cuts;
}

/** What `boundMessage` cut. */
export interface Cuts {
  /** A text, or a list, of the content. */
  truncated: boolean;
  /** A part of a quote or of another context of the message, or a malformed JID in it. */
  contextTruncated: boolean;
}

interface State {
  cuts: Cuts;
  /** What is quoted in a message is not a part of its text. */
  inContext: boolean;
}

function noteCut({ cuts, inContext }: State): void {
  cuts[inContext ? "contextTruncated" : "truncated"] = true;
}

/** Where a value is: its field, and the field of the part that contains it. */
interface Place {
  field: string;
  parent: string;
  state: State;
  depth: number;
}

function boundFields(
  part: Record<string, unknown>,
  state: State,
  { parent, depth }: Pick<Place, "parent" | "depth">,
): void {
  for (const [field, value] of Object.entries(part)) {
    const inner = field === "contextInfo" ? { ...state, inContext: true } : state;
    const bounded = boundValue(value, { field, parent, state: inner, depth });
    if (bounded === undefined) delete part[field];
    else if (bounded !== value) part[field] = bounded;
  }
}

function boundValue(value: unknown, at: Place): unknown {
  if (typeof value === "string") return boundString(value, at);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (at.depth >= maxMessageDepth) {
    noteCut(at.state);
    return undefined;
  }
  if (!Array.isArray(value)) {
    boundFields(value as Record<string, unknown>, at.state, { parent: at.field, depth: at.depth + 1 });
    return value;
  }
  const most = maxItems[at.field] ?? maxList;
  if (value.length > most) noteCut(at.state);
  return value
    .slice(0, most)
    .map((item) => boundValue(item, { ...at, depth: at.depth + 1 }))
    .filter((item) => item !== undefined);
}

function boundString(text: string, { field, parent, state }: Place): string | undefined {
  if (isJidField(field)) {
    if (text === "" || isJid(text)) return text;
    if (state.inContext) noteCut(state);
    return undefined;
  }
  const ownId = isOwnId(field, parent);
  if (isIdField(field) && !ownId) return boundId(text);
  const limit = ownId ? maxBytes.name : fieldBytes[field];
  const bounded = boundText(text, limit ?? maxBytes.text);
  if (limit === undefined && bounded.length < text.length) noteCut(state);
  return bounded;
}

/** Attributes of a stanza that name a person, a group or another address. */
const jidAttributes = /^(?:from|to|participant|recipient|author|jid|lid|call-creator|group-jid)$|_(?:pn|lid|jid)$/;
const idAttributes = /^(?:id|call-id|server_id|code)$/;

/**
 * Returns a copy of a stanza whose attributes and texts are bounded, for everything that is stored or announced.
 * Baileys acknowledges the original. Ciphertexts are the same objects as in the original.
 */
export function boundStanza({ tag, attrs, content }: BinaryNode, depth = 0): BinaryNode {
  const bounded = Object.entries(attrs).map(([name, value]) => [name, boundAttribute(name, value)]);
  const copy: BinaryNode = { tag, attrs: Object.fromEntries(bounded) };
  if (typeof content === "string") copy.content = boundText(content, maxBytes.text);
  else if (content instanceof Uint8Array) copy.content = content;
  else if (Array.isArray(content) && depth < maxDepth)
    copy.content = content.map((child) => boundStanza(child, depth + 1));
  return copy;
}

function boundAttribute(name: string, value: string): string {
  const text = String(value);
  if (jidAttributes.test(name)) return boundJid(text);
  return idAttributes.test(name) ? boundId(text) : boundText(text, maxBytes.name);
}
