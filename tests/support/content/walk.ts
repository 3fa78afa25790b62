import type { proto } from "@whiskeysockets/baileys";
import { readContent, registry } from "../../../session-host/inbound/content/index.ts";
import { type Field, unwrap, wrapperFields } from "../../../session-host/inbound/content/unwrap.ts";
import { mediaOf } from "../../../session-host/inbound/message/content.ts";
import { type Choose, chooser } from "../inbound-fuzz/values.ts";
import { messageType, readSchema, type SchemaField } from "./schema.ts";

const schema = readSchema();
const fieldsOf = (type: string): readonly SchemaField[] => schema.messages.get(type) ?? [];

/** Messages of each field that are read. Every fourth has all fields; the others have random ones. */
const samples = 200;
const maxDepth = 7;

/** Types whose fields `session-host/inbound/context` and `session-host/inbound/message` read. */
const readElsewhere = new Set(["ContextInfo", "MessageContextInfo", "MessageKey", messageType]);

export const topFields: readonly string[] = fieldsOf(messageType).map(({ name }) => name);

/** What becomes of a field of `proto.Message`. Undefined if nothing does. */
export function fateOf(name: string): "parsed" | "ignored" | "wrapper" | undefined {
  const field = name as Field;
  if (wrapperFields.includes(field)) return "wrapper";
  const entry = registry[field];
  return entry && (typeof entry === "function" ? "parsed" : "ignored");
}

/** The fields of the messages that a parser reaches, and whether it reads them. A key is `<type>.<field>`. */
export function walkParsedFields(): { read: Set<string>; unread: Set<string> } {
  const read = new Set<string>();
  const reached = new Set<string>();
  for (const { name, type } of fieldsOf(messageType)) {
    if (fateOf(name) !== "parsed") continue;
    for (let round = 0; round < samples; round++) {
      const choose = chooser(round);
      const part = sampleOf(type, choose, { depth: 0, all: round % 4 === 0 });
      const spied = spyOn(part, type, { read, reached });
      const message = { [name]: spied } as proto.IMessage;
      readContent(unwrap(message));
      mediaOf(message, { instanceId: "", rowId: "", unencrypted: true });
    }
  }
  const all = [...reached].flatMap((type) => fieldsOf(type).map((field) => `${type}.${field.name}`));
  return { read, unread: new Set(all.filter((field) => !read.has(field))) };
}

interface Spied {
  read: Set<string>;
  reached: Set<string>;
}

/** Returns the value with a record of each field that is read from it. */
function spyOn(value: unknown, type: string, spied: Spied): unknown {
  if (Array.isArray(value)) return value.map((item) => spyOn(item, type, spied));
  if (!schema.messages.has(type) || readElsewhere.has(type)) return value;
  spied.reached.add(type);
  const types = new Map(fieldsOf(type).map((field) => [field.name, field.type]));
  return new Proxy(value as Record<string, unknown>, {
    get(target, name) {
      const inner = typeof name === "string" ? types.get(name) : undefined;
      if (typeof name !== "string" || !inner) return Reflect.get(target, name);
      spied.read.add(`${type}.${name}`);
      return name in target ? spyOn(target[name], inner, spied) : undefined;
    },
  });
}

const texts = ['{"id":"1","display_text":"a","sections":[{"rows":[{"id":"1"}]}]}', "BEGIN:VCARD\nTEL:1", "text"];

function sampleOf(type: string, choose: Choose, at: { depth: number; all: boolean }): unknown {
  const values = schema.enums.get(type);
  if (values) return choose.one(values);
  if (type === messageType) return { conversation: "text" };
  if (schema.messages.has(type)) {
    if (at.depth >= maxDepth) return {};
    const inner = { ...at, depth: at.depth + 1 };
    const kept = at.all ? 1 : choose.one([0.2, 0.5, 0.8]);
    const fields = fieldsOf(type).filter(() => choose.chance(kept));
    return Object.fromEntries(
      fields.map(({ name, type: part, repeated }) => {
        const value = sampleOf(part, choose, inner);
        return [name, repeated ? [value] : value];
      }),
    );
  }
  if (type === "string") return choose.one(texts);
  if (type === "bytes") return Buffer.from([1, 2, 3]);
  return type === "bool" ? choose.chance(0.7) : choose.upTo(100) + 1;
}
