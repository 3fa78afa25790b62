import type * as z from "zod";
import { nearestName } from "./nearest-name.ts";

/** A field that a schema doesn't declare. */
export interface UnknownField {
  /** Where the field is, its own name included. */
  path: string[];
  /** The fields that the schema declares in the same place. */
  known: string[];
}

/** Enough for an error message. A body can have 250,000 fields. */
const maxFound = 11;

/**
 * Returns the fields of `value` that `schema` neither declares nor leaves free, at most 11. Schemas leave records, unknown
 * values and loose objects free. `value` is what the sender wrote, before the schema changes it.
 */
export function unknownFields(schema: z.core.$ZodType, value: unknown): UnknownField[] {
  const found: UnknownField[] = [];
  search(schema, value, [], found);
  return found;
}

const maxDeclared = 50;

/**
 * Returns the names of the declared fields that an object has, without their values: `webhookSettings.secret`. Names that
 * the sender chose, in records and lists, are not among them.
 */
export function declaredFields(schema: z.core.$ZodType, value: unknown, prefix = ""): string[] {
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (!isFields(value)) return [];
  if (def.type === "union") {
    const option = def.options.find((one) => isOfKind(one, value) && parses(one, value));
    return option ? declaredFields(option, value, prefix) : [];
  }
  if (def.type !== "object") return [];
  const names = Object.entries(value).flatMap(([name, field]) => {
    const declared = Object.hasOwn(def.shape, name) ? def.shape[name] : undefined;
    if (!declared) return [];
    const inner = declaredFields(declared, field, `${prefix}${name}.`);
    return inner.length > 0 ? inner : [prefix + name];
  });
  return names.slice(0, maxDeclared);
}

/** Describes unknown fields in the style of validation messages, each as `path: message`. */
export function describeUnknown({ path, known }: UnknownField, kind: string): string {
  const nearest = nearestName(path.at(-1) ?? "", known);
  if (nearest !== undefined) return `${pathText(path)}: unknown ${kind}, did you mean "${nearest}"?`;
  const shown = known.slice(0, maxKnown).join(", ") + (known.length > maxKnown ? ", …" : "");
  return `${pathText(path)}: unknown ${kind}, ${known.length === 0 ? "none is allowed here" : `known are ${shown}`}`;
}

/** How many known fields a message lists. */
const maxKnown = 30;

/** Writes a path of names that the sender chose: unusual names are quoted, and long names are cut. */
export const pathText = (path: readonly PropertyKey[]) => path.map(nameText).join(".");

const maxName = 64;

function nameText(name: PropertyKey): string {
  const text = String(name);
  if (/^[\w@-]{1,64}$/.test(text)) return text;
  return JSON.stringify(text.length > maxName ? `${text.slice(0, maxName)}…` : text);
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function search(schema: z.core.$ZodType, value: unknown, path: string[], found: UnknownField[]) {
  if (typeof value !== "object" || value === null || found.length >= maxFound) return;
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (def.type === "union") searchUnion(def.options, value, path, found);
  else if (def.type === "array" && Array.isArray(value)) {
    for (const [index, item] of value.entries()) search(def.element, item, [...path, String(index)], found);
  } else if (Array.isArray(value)) return;
  else if (def.type === "object") searchObject(def, value as Fields, path, found);
  else if (def.type === "record") searchRecord(def, value as Fields, path, found);
}

/** A record is free, unless its keys are a list. */
function searchRecord(def: z.core.$ZodRecordDef, value: Fields, path: string[], found: UnknownField[]) {
  const { def: key } = (def.keyType as z.core.$ZodTypes)._zod;
  const known = key.type === "enum" ? Object.values(key.entries).map(String) : undefined;
  for (const [name, field] of Object.entries(value)) {
    if (found.length >= maxFound) return;
    if (!known || known.includes(name)) search(def.valueType, field, [...path, name], found);
    else found.push({ path: [...path, name], known });
  }
}

function searchObject(def: z.core.$ZodObjectDef, value: Fields, path: string[], found: UnknownField[]) {
  const free = def.catchall && def.catchall._zod.def.type !== "never" ? def.catchall : undefined;
  for (const [name, field] of Object.entries(value)) {
    if (found.length >= maxFound) return;
    const declared = Object.hasOwn(def.shape, name) ? def.shape[name] : free;
    if (declared) search(declared, field, [...path, name], found);
    else found.push({ path: [...path, name], known: Object.keys(def.shape) });
  }
}

/**
 * Searches with the option that the value matches. If it matches none, the value is invalid, and the option of the same
 * kind with the fewest unknown fields is most likely meant.
 */
function searchUnion(options: readonly z.core.$ZodType[], value: object, path: string[], found: UnknownField[]) {
  const matching = options.filter((option) => parses(option, value));
  const candidates = matching.length > 0 ? matching : options.filter((option) => isOfKind(option, value));
  const [fewest = []] = candidates
    .map((option) => {
      const own: UnknownField[] = [];
      search(option, value, path, own);
      return own;
    })
    .sort((a, b) => a.length - b.length);
  found.push(...fewest);
}

const parses = (schema: z.core.$ZodType, value: unknown) => (schema as z.ZodType).safeParse(value).success;

function isOfKind(schema: z.core.$ZodType, value: object): boolean {
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (def.type === "union") return def.options.some((option) => isOfKind(option, value));
  return Array.isArray(value) ? def.type === "array" : isFields(value) && def.type === "object";
}

/** Returns the schema of what the sender writes, without the wrappers that only add a default, a check or a conversion. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "catch":
    case "readonly":
      return unwrapped(def.innerType);
    case "lazy":
      return unwrapped(def.getter());
    case "pipe":
      // `z.preprocess` is a pipe that begins with a conversion.
      return unwrapped(def.in._zod.def.type === "transform" ? def.out : def.in);
    default:
      return schema;
  }
}
