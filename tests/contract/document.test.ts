import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { multiInstanceBodies } from "../../core/webhook/multi-instance.ts";
import { multiInstance } from "../../functions/api/dialects/multi-instance/index.ts";

/** Every body that the Multi-Instance API's document shows; its three languages show the same. */
const examples = JSON.parse(readFileSync("tests/fixtures/documents/multi-instance.json", "utf8")) as (
  | { endpoint: string; kind: "request" | "response"; body: unknown }
  | { webhook: string; body: unknown }
)[];

const rowOf = (endpoint: string) => {
  const row = multiInstance.rows.find((one) => `${one.method.toUpperCase()} ${one.path}` === endpoint);
  if (!row) throw new Error(`nothing serves ${endpoint}`);
  return row;
};

interface Schema {
  type?: string | string[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

const jsonType = (value: unknown) =>
  value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;

/** What of an example our schema would not show: a field that is missing, may be missing, or is of another type. */
function differences(schema: Schema, example: unknown, path: string): string[] {
  const options = schema.anyOf ?? [schema];
  const type = jsonType(example);
  const fits = options.find((one) => {
    const types = [one.type ?? []].flat();
    return types.length === 0 || types.includes(type) || (type === "integer" && types.includes("number"));
  });
  if (!fits) return [`${path}: ${type} in the document, ${JSON.stringify(schema.type ?? options)} here`];
  if (Array.isArray(example)) {
    return example.flatMap((one, index) => differences(fits.items ?? {}, one, `${path}[${index}]`));
  }
  if (type !== "object") return [];
  return Object.entries(example as object).flatMap(([name, value]) => {
    const property = fits.properties?.[name];
    if (!property) return fits.properties ? [`${path}.${name}: not here`] : [];
    const optional = fits.required?.includes(name) ? [] : [`${path}.${name}: may be missing here`];
    return [...optional, ...differences(property, value, `${path}.${name}`)];
  });
}

const jsonSchema = (type: z.ZodType) => z.toJSONSchema(type, { io: "output", unrepresentable: "any" }) as Schema;
const listed = examples.flatMap((one) => ("endpoint" in one ? [one] : []));

test("all 22 endpoints of the document are served", () => {
  const endpoints = [...new Set(listed.map(({ endpoint }) => endpoint))];
  expect(endpoints).toHaveLength(22);
  expect(endpoints.map((endpoint) => rowOf(endpoint).path)).toHaveLength(22);
});

describe("every example of the document", () => {
  test.each(listed.filter(({ kind }) => kind === "request"))("is a body that $endpoint takes", ({ endpoint, body }) => {
    expect(rowOf(endpoint).body?.safeParse(body).error).toBeUndefined();
  });

  test.each(listed.filter(({ kind }) => kind === "response"))(
    "is field by field what $endpoint answers",
    ({ endpoint, body }) => {
      expect(differences(jsonSchema(rowOf(endpoint).answer), body, "")).toEqual([]);
    },
  );

  test.each(examples.flatMap((one) => ("webhook" in one ? [one] : [])))(
    "is field by field what the webhook $webhook says, and in its order",
    ({ webhook, body }) => {
      const schema = multiInstanceBodies[webhook];
      if (!schema) throw new Error(`there is no webhook ${webhook}`);
      expect(differences(jsonSchema(schema), body, "")).toEqual([]);
      const ours = jsonSchema(schema);
      const fields = (one: unknown) => Object.keys(one as object);
      const data = (body as { data: object }).data;
      expect(fields(ours.properties).slice(0, 3)).toEqual(fields(body));
      expect(fields(ours.properties?.data?.properties).slice(0, fields(data).length)).toEqual(fields(data));
    },
  );
});
