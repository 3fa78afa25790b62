import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** A field of a message in the protobuf definition. `type` is a scalar, or the full name of a message or enum. */
export interface SchemaField {
  name: string;
  type: string;
  repeated: boolean;
}

export interface Schema {
  messages: ReadonlyMap<string, readonly SchemaField[]>;
  /** The numbers of each enum. */
  enums: ReadonlyMap<string, readonly number[]>;
}

const file = createRequire(import.meta.url).resolve("@whiskeysockets/baileys/WAProto/WAProto.proto");

/** The full name of `proto.Message`. */
export const messageType = "Message";

/** Reads the protobuf definition of the pinned Baileys. Leaves out fields of the type map, which messages of people don't have. */
export function readSchema(): Schema {
  const messages = new Map<string, SchemaField[]>();
  const enums = new Map<string, number[]>();
  const open: { kind: string; name: string }[] = [];
  const scope = () => open.flatMap(({ kind, name }) => (kind === "oneof" ? [] : [name])).join(".");
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const start = /^\s*(message|enum|oneof) (\w+) \{/.exec(line);
    const field = /^\s*(?:(optional|repeated|required) )?([\w.]+) (\w+) = (-?\d+)/.exec(line);
    if (start) {
      open.push({ kind: start[1] ?? "", name: start[2] ?? "" });
      if (start[1] === "message") messages.set(scope(), []);
      if (start[1] === "enum") enums.set(scope(), []);
    } else if (/^\s*\}/.test(line)) open.pop();
    else if (open.at(-1)?.kind === "enum") {
      const value = /^\s*\w+ = (-?\d+)/.exec(line)?.[1];
      if (value) enums.get(scope())?.push(Number(value));
    } else if (field && open.length > 0) {
      messages.get(scope())?.push({ name: field[3] ?? "", type: field[2] ?? "", repeated: field[1] === "repeated" });
    }
  }
  return resolved({ messages, enums });
}

/** Replaces the types of fields by their full names: a name is looked up in its own scope first, then in outer ones. */
function resolved({ messages, enums }: Schema): Schema {
  const isKnown = (name: string) => messages.has(name) || enums.has(name);
  const fullName = (type: string, scope: string): string => {
    const outer = scope.split(".");
    for (let length = outer.length; length >= 0; length--) {
      const name = [...outer.slice(0, length), type].join(".");
      if (isKnown(name)) return name;
    }
    return type;
  };
  const entries = [...messages].map(([name, fields]): [string, SchemaField[]] => [
    name,
    fields.map((field) => ({ ...field, type: fullName(field.type, name) })),
  ]);
  return { messages: new Map(entries), enums };
}
