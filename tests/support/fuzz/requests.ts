import * as z from "zod";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import { bodies } from "../api/valid-bodies.ts";
import { dialects } from "../endpoint/dialect-tables.ts";
import { Choices } from "./random.ts";
import { damaged, hostileText, hostileValue, mutated } from "./values.ts";

/** What requests refer to. */
export interface Subjects {
  key: string;
  readOnlyKey: string;
  adminKey: string;
  userId: string;
  instanceId: string;
  foreignInstanceId: string;
}

export interface FuzzRequest {
  /** The endpoint that was chosen. The request may no longer reach it. */
  endpoint: string;
  method: string;
  /** The request target. */
  target: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
}

interface JsonSchema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minimum?: number;
}

const schemaOf = (type: z.ZodType | null): JsonSchema =>
  type ? (z.toJSONSchema(type, { io: "input", unrepresentable: "any" }) as JsonSchema) : {};

const endpoints = dialects
  .flatMap((dialect) => dialect.endpoints)
  .map((endpoint) => ({ endpoint, query: schemaOf(endpoint.query), body: schemaOf(endpoint.body) })) as [
  Described,
  ...Described[],
];

interface Described {
  endpoint: Endpoint;
  query: JsonSchema;
  body: JsonSchema;
}

/** Returns the request with this number. It depends only on the seed, the number and the subjects. */
export function fuzzRequest(seed: number, number: number, subjects: Subjects): FuzzRequest {
  const choices = new Choices(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b));
  const { endpoint, query, body } = choices.pick(endpoints);
  const method = choices.chance(0.97)
    ? endpoint.method.toUpperCase()
    : choices.pick(["HEAD", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE", "PROPFIND", "GET", "POST"]);
  const content = endpoint.body ? bodyOf(endpoint, body, subjects, choices) : undefined;
  return {
    endpoint: `${endpoint.method.toUpperCase()} ${endpoint.path}`,
    method,
    target: `${pathOf(endpoint, subjects, choices)}${queryOf(query, choices)}`,
    headers: headersOf(endpoint, subjects, choices),
    body: content ?? (choices.chance(0.02) ? Buffer.from(hostileText(choices)) : undefined),
  };
}

function pathOf(endpoint: Endpoint, subjects: Subjects, choices: Choices): string {
  const known: Record<string, string> = { instanceId: subjects.instanceId, userId: subjects.userId };
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    if (choices.chance(0.15)) return encoded(hostileText(choices).slice(0, 500), choices);
    if (name === "instanceId" && choices.chance(0.03)) return subjects.foreignInstanceId;
    return (
      known[name] ?? choices.pick(["79001234567", "120363000000000000@g.us", "3EB0C767D097B7", subjects.instanceId])
    );
  });
  return choices.chance(0.02) ? path + choices.pick(["/", "//", "/..", "/%2e%2e/x", "%23x", "\\x", "%00", ";x"]) : path;
}

/** Encodes text for a target. Characters that the HTTP client refuses are always encoded. */
const encoded = (text: string, choices: Choices) =>
  choices.chance(0.8)
    ? encodeURIComponent(text.toWellFormed())
    : text.toWellFormed().replaceAll(/[^!-~]/gu, (character) => encodeURIComponent(character));

function queryOf(schema: JsonSchema, choices: Choices): string {
  const fields = Object.entries(schema.properties ?? {}).filter(() => choices.chance(0.4));
  const parts = fields.map(([name, type]) => {
    const value = choices.chance(0.5) ? sample(type, choices) : hostileText(choices).slice(0, 500);
    return `${name}=${encoded(String(value), choices)}`;
  });
  if (choices.chance(0.05))
    parts.push(`${encoded(hostileText(choices).slice(0, 500), choices)}=1`, "limit=1", "limit=2");
  return parts.length > 0 ? `?${parts.join("&")}` : "";
}

function headersOf(endpoint: Endpoint, subjects: Subjects, choices: Choices): Record<string, string> {
  const headers: Record<string, string> = {};
  const type = endpoint.form ? "multipart/form-data; boundary=x" : "application/json";
  headers["content-type"] = choices.chance(0.96)
    ? type
    : choices.pick(["", "text/plain", "multipart/form-data", "application/json; charset=utf-16", "x".repeat(3_000)]);
  const key = endpoint.access === "admin" ? subjects.adminKey : subjects.key;
  if (choices.chance(0.97)) headers["x-api-key"] = choices.chance(0.95) ? key : subjects.readOnlyKey;
  else if (choices.chance(0.5)) headers.authorization = choices.pick(["Bearer x", "Bearer a.b.c", "Basic x", "Bearer"]);
  if (choices.chance(0.1)) headers["idempotency-key"] = choices.pick(["a", "b", "a b", "é", "x".repeat(300)]);
  if (choices.chance(0.03)) headers["x-request-id"] = choices.pick(["a", "a b", "x".repeat(100), "\u00ff"]);
  if (choices.chance(0.03)) headers.accept = choices.pick(["image/png", "*/*", "text/html;q=x", ","]);
  if (choices.chance(0.02)) headers.host = choices.pick(["x/api/instances?", "x#", "[::1", "\u00ff", "a b"]);
  if (choices.chance(0.02)) headers.cookie = choices.pick(["a=b; c=d", ";;;", "=".repeat(1_000)]);
  return headers;
}

function bodyOf({ form, ...endpoint }: Endpoint, schema: JsonSchema, subjects: Subjects, choices: Choices): Buffer {
  if (form) return formOf(schema, choices);
  const valid = bodies[`${endpoint.method} ${endpoint.path}`] ?? bodies[endpoint.path] ?? {};
  const named = endpoint.instance === "body" ? { instanceId: subjects.instanceId } : {};
  const optional = Object.entries(schema.properties ?? {}).filter(([name]) => !(name in valid) && choices.chance(0.15));
  const extra = Object.fromEntries(optional.map(([name, type]) => [name, sample(type, choices)]));
  // Traffic of tests stays on loopback.
  let body: unknown = JSON.parse(
    JSON.stringify({ ...extra, ...valid, ...named }).replaceAll("https://example.com", "http://127.0.0.1:9"),
  );
  for (let left = choices.int(4); left > 0; left--) body = mutated(body, choices);
  const json = JSON.stringify(body) ?? "null";
  return choices.chance(0.08) ? damaged(json, choices) : Buffer.from(json);
}

function formOf(schema: JsonSchema, choices: Choices): Buffer {
  const parts = Object.keys(schema.properties ?? {}).map((name) => {
    const file = name === "file" ? '; filename="a.txt"' : "";
    const value = name === "phone" && choices.chance(0.8) ? "79001234567" : hostileText(choices);
    return `--x\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
  });
  const text = `${parts.join("")}--x--\r\n`;
  return choices.chance(0.3) ? damaged(text, choices) : Buffer.from(text);
}

/** Returns a value that a schema probably accepts. */
function sample(schema: JsonSchema, choices: Choices): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return choices.some(schema.enum);
  if (schema.anyOf) return sample(choices.some(schema.anyOf) ?? {}, choices);
  switch (schema.type) {
    case "string":
      return choices.pick(["x", "79001234567", "2030-01-01T00:00:00Z", "5", "http://127.0.0.1:9/a.jpg"]);
    case "integer":
    case "number":
      return (schema.minimum ?? 0) + choices.int(3);
    case "boolean":
      return choices.chance(0.5);
    case "array":
      return Array.from({ length: choices.int(4) }, () => sample(schema.items ?? {}, choices));
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? { a: {} }).map(([name, type]) => [name, sample(type, choices)]),
      );
    default:
      return hostileValue(choices);
  }
}
