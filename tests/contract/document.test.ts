import { describe, expect, test } from "vitest";
import * as z from "zod";
import { errorCodes } from "../../core/error.ts";
import { validated } from "../../core/validate.ts";
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

/** Reads a documented request as the API does, which refuses unknown fields. */
const read = (schema: z.ZodType | null, value: unknown) =>
  validated(schema ?? z.strictObject({}), value, { whole: "request", field: "field" });

const jsonSchema = (type: z.ZodType) => z.toJSONSchema(type, { io: "output", unrepresentable: "any" }) as Schema;
const listed = examples.flatMap((one) => ("endpoint" in one ? [one] : []));

test("all 22 endpoints of the Multi-Instance API's document are served", () => {
  const endpoints = [...new Set(listed.map(({ endpoint }) => endpoint))];
  expect(endpoints).toHaveLength(22);
  expect(endpoints.map((endpoint) => endpointNamed(endpoint).path)).toHaveLength(22);
});

const dates = { startDate: "2023-01-01T00:00:00.000Z", endDate: "2023-01-02T00:00:00.000Z" };

describe("an example in the Multi-Instance API's document", () => {
  test.each(listed.filter(({ kind }) => kind === "request"))("is a valid body of $endpoint", ({ endpoint, body }) => {
    expect(() => read(endpointNamed(endpoint).body, body)).not.toThrow();
  });

  // The document lists these in text. It says of each what it does, so none is without effect.
  test.each([
    ["GET /api/instances/{instanceId}/activity", { limit: "1", skip: "0", actions: "connection_opened", ...dates }],
    ["GET /api/instances/{instanceId}/chats/{chatId}/messages", { limit: "1", skip: "0", ...dates }],
    ["GET /api/stats/user", { period: "month" }],
    ["GET /api/stats/instances/{instanceId}", { period: "today" }],
  ])("has only query parameters that %s knows", (endpoint, query) => {
    expect(() => read(endpointNamed(endpoint).query, query)).not.toThrow();
  });

  test("has only form fields that send-file knows", () => {
    const form = { phone: "79001234567", caption: "x", file: new File(["x"], "x.txt") };
    expect(() => read(endpointNamed("POST /api/whatsapp/{instanceId}/send-file").body, form)).not.toThrow();
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
  test.each(withBody)("shows a valid body of $endpoint, without unknown fields", ({ endpoint, body }) => {
    expect(() => read(endpointNamed(endpoint, gateway).body, body)).not.toThrow();
  });

  test.each(endpoints.filter(({ query }) => query))("shows a valid query of $endpoint", ({ endpoint, query }) => {
    const parameters = Object.fromEntries(new URLSearchParams(query));
    expect(() => read(endpointNamed(endpoint, gateway).query, parameters)).not.toThrow();
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
