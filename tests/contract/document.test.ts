import { describe, expect, test } from "vitest";
import * as z from "zod";
import { errorCodes } from "../../core/error.ts";
import { gatewayBodies } from "../../core/webhook/body/gateway.ts";
import { multiInstanceBodies } from "../../core/webhook/body/multi-instance.ts";
import type { LoadedDialect } from "../../functions/api/engine/dialect.ts";
import { isOpen } from "../../functions/api/engine/endpoint.ts";
import { gatewayError } from "../../functions/api/shape/error.ts";
import { gateway, multiInstance } from "../support/endpoint/dialect-tables.ts";
import { multiInstanceDocument as examples, gatewayDocument } from "../support/endpoint/documents.ts";

const endpointNamed = (name: string, dialect: LoadedDialect = multiInstance) => {
  const endpoint = dialect.endpoints.find((one) => `${one.method.toUpperCase()} ${one.path}` === name);
  if (!endpoint) throw new Error(`no endpoint serves ${name}`);
  return endpoint;
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

/** Returns the fields of an example that the schema lacks, makes optional, or gives another type. */
function differences(schema: Schema, example: unknown, path: string): string[] {
  const options = schema.anyOf ?? [schema];
  const type = jsonType(example);
  const fits = options.find((one) => {
    const types = [one.type ?? []].flat();
    return types.length === 0 || types.includes(type) || (type === "integer" && types.includes("number"));
  });
  if (!fits) return [`${path}: ${type} in the document, ${JSON.stringify(schema.type ?? options)} in the schema`];
  if (Array.isArray(example)) {
    return example.flatMap((one, index) => differences(fits.items ?? {}, one, `${path}[${index}]`));
  }
  if (type !== "object") return [];
  return Object.entries(example as object).flatMap(([name, value]) => {
    const property = fits.properties?.[name];
    if (!property) return fits.properties ? [`${path}.${name}: not in the schema`] : [];
    const optional = fits.required?.includes(name) ? [] : [`${path}.${name}: optional in the schema`];
    return [...optional, ...differences(property, value, `${path}.${name}`)];
  });
}

/** Returns the fields of an example that a schema lacks. */
function unknownFields(schema: Schema, example: unknown, path = ""): string[] {
  const options = schema.anyOf ?? [schema];
  if (Array.isArray(example)) {
    const items = options.find((one) => one.items)?.items;
    return example.flatMap((one, index) => unknownFields(items ?? {}, one, `${path}[${index}]`));
  }
  const properties = Object.assign({}, ...options.map((one) => one.properties)) as Record<string, Schema>;
  if (jsonType(example) !== "object" || Object.keys(properties).length === 0) return [];
  return Object.entries(example as object).flatMap(([name, value]) => {
    const property = properties[name];
    return property ? unknownFields(property, value, `${path}.${name}`) : [`${path}.${name}`];
  });
}

const jsonSchema = (type: z.ZodType) => z.toJSONSchema(type, { io: "output", unrepresentable: "any" }) as Schema;
const listed = examples.flatMap((one) => ("endpoint" in one ? [one] : []));

test("all 22 endpoints of the Multi-Instance API's document are served", () => {
  const endpoints = [...new Set(listed.map(({ endpoint }) => endpoint))];
  expect(endpoints).toHaveLength(22);
  expect(endpoints.map((endpoint) => endpointNamed(endpoint).path)).toHaveLength(22);
});

describe("an example in the Multi-Instance API's document", () => {
  test.each(listed.filter(({ kind }) => kind === "request"))("is a valid body of $endpoint", ({ endpoint, body }) => {
    expect(endpointNamed(endpoint).body?.safeParse(body).error).toBeUndefined();
  });

  test.each(listed.filter(({ kind }) => kind === "response"))(
    "has only fields that $endpoint returns",
    ({ endpoint, body }) => {
      expect(differences(jsonSchema(endpointNamed(endpoint).response), body, "")).toEqual([]);
    },
  );

  test.each(examples.flatMap((one) => ("webhook" in one ? [one] : [])))(
    "has the first fields of the webhook $webhook in order",
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

describe("the Gateway API's document", () => {
  const { endpoints } = gatewayDocument;

  test("names 98 endpoints, and each is served at its path with the documented access", () => {
    expect(new Set(endpoints.map(({ endpoint }) => endpoint)).size).toBe(98);
    const served = new Map(gateway.endpoints.map((one) => [`${one.method.toUpperCase()} ${one.path}`, one]));
    expect(endpoints.filter(({ endpoint }) => !served.has(endpoint)).map(({ endpoint }) => endpoint)).toEqual([]);
    for (const { endpoint, key } of endpoints) {
      expect([endpoint, isOpen(endpointNamed(endpoint, gateway).access)]).toEqual([endpoint, !key]);
    }
  });

  // Placeholders: `filePath` is the id that an upload returns, never a path, and these texts are not base64.
  const placeholders: Record<string, string> = {
    "/path/to/audio.mp3": "0".repeat(32),
    "/path/to/video.avi": "0".repeat(32),
    "base64-encoded-audio-data": "AAAA",
    "base64-encoded-video-data": "AAAA",
  };
  const withBody = endpoints.flatMap(({ endpoint, requests = [] }) =>
    requests.map((body) => ({
      endpoint,
      body: JSON.parse(JSON.stringify(body), (_name, value) => placeholders[value] ?? value) as unknown,
    })),
  );
  test.each(withBody)("shows a valid body of $endpoint", ({ endpoint, body }) => {
    expect(endpointNamed(endpoint, gateway).body?.safeParse(body)).toMatchObject({ success: true });
  });

  // An endpoint ignores unknown fields, so a caller would not notice that one has no effect.
  test.each(withBody)("shows only fields that $endpoint knows", ({ endpoint, body }) => {
    const { body: schema } = endpointNamed(endpoint, gateway);
    const known = z.toJSONSchema(schema ?? z.never(), { io: "input", unrepresentable: "any" }) as Schema;
    expect(unknownFields(known, body)).toEqual([]);
  });

  test.each(endpoints.filter(({ query }) => query))("shows a valid query of $endpoint", ({ endpoint, query }) => {
    const parameters = Object.fromEntries(new URLSearchParams(query));
    expect(endpointNamed(endpoint, gateway).query?.safeParse(parameters)).toMatchObject({ success: true });
  });

  test.each(endpoints.filter(({ response }) => response))(
    "shows the fields that $endpoint returns, in order",
    ({ endpoint, response }) => {
      const ours = jsonSchema(endpointNamed(endpoint, gateway).response);
      // The schema of every envelope has `message`, but a response has it only where the document shows it.
      const shown = { ...(response as { message?: string }) };
      if ("data" in shown) delete shown.message;
      expect(differences(ours, shown, "")).toEqual([]);
      const fields = (one: unknown) => Object.keys((one ?? {}) as object);
      expect(fields(ours.properties).slice(0, fields(response).length)).toEqual(fields(response));
      const data = (response as { data?: object }).data;
      // Of alternative shapes, the documented one comes first.
      const documented = ours.properties?.data?.anyOf?.[0] ?? ours.properties?.data;
      const known = fields(documented?.properties).filter((name) => name in (data ?? {}));
      expect(known).toEqual(fields(data));
    },
  );

  test("shows every field of errors and of the rate limit", () => {
    expect(differences(jsonSchema(gatewayError), gatewayDocument.error, "")).toEqual([]);
    expect(gateway.errorType).toBe("application/json");
    const { rate_limited } = errorCodes;
    expect({ success: false, error: rate_limited.title }).toEqual(gatewayDocument.rateLimit);
    const statuses: number[] = Object.values(errorCodes).map(({ status }) => status);
    expect(statuses).toEqual(expect.arrayContaining(gatewayDocument.statuses));
  });

  test("names 14 webhook events, and each has a body", () => {
    expect(gatewayDocument.webhookEvents).toHaveLength(14);
    expect(gatewayDocument.webhookEvents.filter((event) => !gatewayBodies[event])).toEqual([]);
  });

  test("shows every field of a webhook in order", () => {
    const { webhook } = gatewayDocument;
    const schema = gatewayBodies[webhook.event];
    if (!schema) throw new Error(`there is no webhook ${webhook.event}`);
    const ours = jsonSchema(schema);
    expect(differences(ours, webhook, "")).toEqual([]);
    expect(Object.keys(ours.properties ?? {}).slice(0, 4)).toEqual(Object.keys(webhook));
    expect(Object.keys(ours.properties?.data?.properties ?? {}).slice(0, 4)).toEqual(Object.keys(webhook.data));
  });
});
