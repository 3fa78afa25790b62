import { expect, test } from "vitest";
import * as z from "zod";
import { dialects } from "../support/endpoint/dialect-tables.ts";

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: unknown;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

/** The body of a request has at most 6 MB. */
const maxLength = 5_900_000;
/** CPU time of this thread in milliseconds, which doesn't depend on how busy the machine is. */
const maxMs = 500;

/** Returns the paths of the texts in a schema. `#` is an item of a list, and `*` is any name. */
function textsIn(schema: JsonSchema, path: readonly string[] = []): string[][] {
  const here = schema.type === "string" || Object.keys(schema).length === 0 ? [[...path]] : [];
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, type]) => textsIn(type, [...path, name]));
  const items = schema.items ? textsIn(schema.items, [...path, "#"]) : [];
  const values = schema.additionalProperties && !schema.properties ? [[...path, "*"]] : [];
  return [...here, ...named, ...items, ...values, ...(schema.anyOf ?? []).flatMap((one) => textsIn(one, path))];
}

function valueAt([head, ...rest]: readonly string[], text: string): unknown {
  if (head === undefined) return text;
  return head === "#" ? [valueAt(rest, text)] : { [head === "*" ? "x" : head]: valueAt(rest, text) };
}

const withBody = dialects.flatMap(({ endpoints }) => endpoints).filter(({ body, form }) => body && !form);
const hostile = ["a", "/", "a@", "{{ "].map((unit) => `${unit.repeat(Math.floor(maxLength / unit.length))}!`);

test("no request schema takes long for a text of the largest size, in any field", () => {
  const slow: string[] = [];
  let checked = 0;
  for (const { method, path, body } of withBody) {
    if (!body) continue;
    const schema = z.toJSONSchema(body, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const fields = new Map(textsIn(schema).map((field) => [field.join("."), field]));
    for (const [name, field] of fields) {
      for (const text of hostile) {
        const before = process.threadCpuUsage();
        try {
          body.safeParse(valueAt(field, text));
        } catch (error) {
          slow.push(`${method} ${path} ${name} ${text.slice(0, 5)}: ${error}`);
        }
        const { user, system } = process.threadCpuUsage(before);
        const ms = Math.round((user + system) / 1000);
        if (ms > maxMs) slow.push(`${method} ${path} ${name} ${text.slice(0, 5)}: ${ms} ms`);
        checked += 1;
      }
    }
  }
  expect(checked).toBeGreaterThan(500);
  expect(slow).toEqual([]);
}, 300_000);
