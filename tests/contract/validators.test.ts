import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect, test } from "vitest";
import { asyncApi, queueSchemas } from "../../functions/api/document/asyncapi.ts";
import { openApi } from "../../functions/api/document/openapi.ts";
import { dialects } from "../support/endpoint/dialect-tables.ts";

// Independent validators check the published documents. The package's types describe a CommonJS module.
const addFormats = formats as unknown as (ajv: Ajv | Ajv2020) => void;
const specification = createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0.json");

test("the AsyncAPI document matches the specification's schema, and its payloads are JSON Schemas of draft 7", () => {
  // The specification contains its own meta-schemas and uses keywords outside JSON Schema.
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false });
  addFormats(ajv);
  const fits = ajv.compile(JSON.parse(readFileSync(specification, "utf8")));
  const document = asyncApi();
  expect(fits(document), JSON.stringify(fits.errors)).toBe(true);
  expect(fits({ ...document, asyncapi: "2.0.0" })).toBe(false);
  expect(fits({ ...document, channels: { ingress: { address: 1 } } })).toBe(false);

  const { components } = document as { components: { messages: Record<string, { payload: object }>; schemas: object } };
  const draft7 = new Ajv({ strict: true, allowUnionTypes: true });
  addFormats(draft7);
  // A payload refers to schemas of the document (`#/components/schemas/…`).
  draft7.addVocabulary(["components"]);
  const { schemas } = components;
  for (const { payload } of Object.values(components.messages)) draft7.compile({ ...payload, components: { schemas } });
});

test("the OpenAPI document is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(openApi(dialects)));
  expect(result, JSON.stringify(result)).toMatchObject({ valid: true });
  expect(validator.version).toBe("3.1");
  expect((await validator.validate({ ...openApi(dialects), paths: [] })).valid).toBe(false);
});

test("the JSON Schemas are valid, accept valid data and reject invalid data", () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  addFormats(ajv);
  for (const schema of Object.values(queueSchemas())) ajv.compile(schema);
  const fits = (name: string, value: unknown) => ajv.validate(`urn:switchboard:v1:${name}`, value);

  const ingressMessage = {
    v: 1,
    id: "order-1",
    apiKey: "key",
    instanceId: "01a1ff38-f953-75da-86d8-a1122f8ae6a2",
    command: "message.sendText",
    input: { to: "4915550000002", text: "Hello" },
    replyTo: "switchboard-reply-1.fifo",
  };
  expect(fits("ingress-message", ingressMessage)).toBe(true);
  for (const wrong of [{ v: 2 }, { command: "message.fly" }, { instanceId: "1" }, { replyTo: "queue" }, { more: 1 }]) {
    expect(fits("ingress-message", { ...ingressMessage, ...wrong }), JSON.stringify(wrong)).toBe(false);
  }
  expect(fits("commands:message.sendText.input", ingressMessage.input)).toBe(true);
  expect(fits("commands:message.sendText.input", { to: "4915550000002" })).toBe(false);

  const event = {
    v: 1,
    id: "01a1ff38-f953-75da-86d8-a1122f8ae6a3",
    instanceId: ingressMessage.instanceId,
    seq: 1,
    type: "connection.qr",
    data: { qr: "2@…", expiresAt: "2026-11-21T12:00:00.000Z" },
    correlationId: null,
    at: "2026-11-21T12:00:00.000Z",
  };
  expect(fits("event", event)).toBe(true);
  expect(fits("event", { ...event, later: "a field of a later version" })).toBe(true);
  for (const wrong of [{ seq: 0 }, { type: "what.ever" }, { data: {} }, { at: "yesterday" }, { id: 1 }]) {
    expect(fits("event", { ...event, ...wrong }), JSON.stringify(wrong)).toBe(false);
  }
});
