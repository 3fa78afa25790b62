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

/** How much of an invalid value is searched, in objects and lists. A sender can make each of them cost a parse. */
const maxInvalidValues = 10_000;
/** How many items of each list in an invalid value are searched. */
const maxInvalidItems = 100;

/** A search and what it may still visit. */
interface Search {
  found: UnknownField[];
  /** Shared by the parts of a search. */
  budget: { values: number };
  maxItems: number;
}

/**
 * Returns the fields of `value` that `schema` neither declares nor leaves free, at most 11. Schemas leave records, unknown
 * values and loose objects free. `value` is what the sender wrote, before the schema changes it. Searches all of a value
 * that is `valid`, which the schema and its limits accept. Searches only the beginning of another value, which is refused
 * in any case.
 */
export function unknownFields(schema: z.core.$ZodType, value: unknown, valid: boolean): UnknownField[] {
  const budget = { values: valid ? Number.POSITIVE_INFINITY : maxInvalidValues };
  const found: UnknownField[] = [];
  search(schema, value, [], { found, budget, maxItems: valid ? Number.POSITIVE_INFINITY : maxInvalidItems });
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

function search(schema: z.core.$ZodType, value: unknown, path: string[], state: Search) {
  if (typeof value !== "object" || value === null || isOver(state)) return;
  state.budget.values -= 1;
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (def.type === "union") searchUnion(def.options, value, path, state);
  else if (def.type === "array" && Array.isArray(value)) searchItems(def.element, value, path, state);
  else if (Array.isArray(value)) return;
  else if (def.type === "object") searchObject(def, value as Fields, path, state);
  else if (def.type === "record") searchRecord(def, value as Fields, path, state);
}

const isOver = ({ found, budget }: Search) => found.length >= maxFound || budget.values <= 0;

function searchItems(element: z.core.$ZodType, items: readonly unknown[], path: string[], state: Search) {
  for (let index = 0; index < Math.min(items.length, state.maxItems); index++) {
    const item = items[index];
    if (typeof item !== "object") continue;
    if (isOver(state)) return;
    search(element, item, [...path, String(index)], state);
  }
}

/** A record is free, unless its keys are a list. */
function searchRecord(def: z.core.$ZodRecordDef, value: Fields, path: string[], state: Search) {
  const { def: key } = (def.keyType as z.core.$ZodTypes)._zod;
  const known = key.type === "enum" ? Object.values(key.entries).map(String) : undefined;
  for (const [name, field] of Object.entries(value)) {
    if (isOver(state)) return;
    if (!known || known.includes(name)) search(def.valueType, field, [...path, name], state);
    else state.found.push({ path: [...path, name], known });
  }
}

function searchObject(def: z.core.$ZodObjectDef, value: Fields, path: string[], state: Search) {
  const free = def.catchall && def.catchall._zod.def.type !== "never" ? def.catchall : undefined;
  for (const [name, field] of Object.entries(value)) {
    if (isOver(state)) return;
    const declared = Object.hasOwn(def.shape, name) ? def.shape[name] : free;
    if (declared) search(declared, field, [...path, name], state);
    else state.found.push({ path: [...path, name], known: Object.keys(def.shape) });
  }
}

/**
 * Searches with the option that the value matches. If it matches none, the value is invalid, and the option of the same
 * kind with the fewest unknown fields is most likely meant.
 */
function searchUnion(options: readonly z.core.$ZodType[], value: object, path: string[], state: Search) {
  const [fewest = []] = candidatesOf(options, value, state)
    .map((option) => {
      const found: UnknownField[] = [];
      search(option, value, path, { ...state, found });
      return found;
    })
    .sort((a, b) => a.length - b.length);
  state.found.push(...fewest);
}

/** Compares kinds first. Parses the value only if several options are of its kind, and if the budget allows it. */
function candidatesOf(options: readonly z.core.$ZodType[], value: object, { budget }: Search): z.core.$ZodType[] {
  const possible = options.filter((option) => canBe(option, value));
  if (possible.length < 2) return possible;
  if (budget.values !== Number.POSITIVE_INFINITY) budget.values -= possible.length * sizeOf(value, budget.values);
  if (budget.values <= 0) return [];
  const matching = possible.filter((option) => parses(option, value));
  return matching.length > 0 ? matching : possible.filter((option) => isOfKind(option, value));
}

/** Returns the number of values in a value, itself included. Stops counting at `max`. */
function sizeOf(value: unknown, max: number): number {
  const open: unknown[] = [value];
  let count = 1;
  while (open.length > 0 && count < max) {
    const next = open.pop();
    if (typeof next !== "object" || next === null) continue;
    const inner: unknown[] = Array.isArray(next) ? next : Object.values(next);
    count += inner.length;
    if (count < max) open.push(...inner);
  }
  return Math.min(count, max);
}

const parses = (schema: z.core.$ZodType, value: unknown) => (schema as z.ZodType).safeParse(value).success;

function isOfKind(schema: z.core.$ZodType, value: object): boolean {
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (def.type === "union") return def.options.some((option) => isOfKind(option, value));
  return Array.isArray(value) ? def.type === "array" : isFields(value) && def.type === "object";
}

/** Kinds of schemas that accept neither objects nor lists. */
const scalars: ReadonlySet<string> = new Set(
  "string number int boolean bigint symbol null undefined void never nan date literal enum template_literal".split(" "),
);

/** Whether the kind of a schema allows a value. Doesn't parse the value. */
function canBe(schema: z.core.$ZodType, value: object): boolean {
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod;
  if (def.type === "union") return def.options.some((option) => canBe(option, value));
  if (def.type === "array" || def.type === "object" || def.type === "record") {
    return Array.isArray(value) === (def.type === "array");
  }
  return !scalars.has(def.type);
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
