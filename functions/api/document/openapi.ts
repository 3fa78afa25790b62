import * as z from "zod";
import { errorCodes } from "../../../core/error.ts";
import { defined } from "../../../core/object.ts";
import type { LoadedDialect } from "../engine/dialect.ts";
import { type Endpoint, isOpen } from "../engine/endpoint.ts";
import { wholeNumberPattern } from "../shape/common.ts";

type Json = Record<string, unknown>;

/** Returns the OpenAPI 3.1 document of all endpoints. */
export function openApi(dialects: readonly LoadedDialect[]): Json {
  const paths: Record<string, Json> = {};
  for (const dialect of dialects) {
    for (const endpoint of dialect.endpoints) {
      const path = paths[endpoint.path] ?? {};
      paths[endpoint.path] = { ...path, [endpoint.method]: operation(dialect, endpoint) };
    }
  }
  return withSharedSchemas({
    openapi: "3.1.0",
    info: {
      title: "Switchboard",
      version: "0.1.0",
      description:
        "A WhatsApp gateway for many accounts. The Multi-Instance API and the Gateway API work on the same instances. The Gateway API limits the number of requests for each IP address and each API key. Its responses report the limit in the headers RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset (seconds). A request over the limit gets 429 with Retry-After.",
      license: { name: "MIT", identifier: "MIT" },
    },
    tags: dialects.map(({ name }) => ({ name })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description:
            "A key with scopes needs the scope that the endpoint names. GET /api/commands/{commandId} needs the scope of the command.",
        },
      },
      schemas: Object.fromEntries(
        dialects.map((dialect) => [errorName(dialect), schema(dialect.shapes.error, "output")]),
      ),
    },
  });
}

/**
 * Moves the schemas that zod shares between the parts of one schema (`$defs`, or `definitions` in draft 7) to
 * `components.schemas`, so that the document has each of them once.
 */
export function withSharedSchemas(document: Json): Json {
  const shared: Json = {};
  const moved = moveShared(document, shared) as Json & { components: Json };
  const schemas = { ...(moved.components.schemas as Json | undefined), ...shared };
  return { ...moved, components: { ...moved.components, schemas } };
}

function moveShared(part: unknown, shared: Json): unknown {
  if (Array.isArray(part)) return part.map((item) => moveShared(item, shared));
  if (typeof part !== "object" || part === null) return part;
  const { $defs, definitions, ...rest } = part as Json;
  for (const [name, schema] of Object.entries({ ...($defs as Json), ...(definitions as Json) }))
    shared[name] = moveShared(schema, shared);
  return Object.fromEntries(
    Object.entries(rest).map(([name, value]) => {
      const target = name === "$ref" ? /^#\/(?:\$defs|definitions)\/(\w+)$/.exec(String(value))?.[1] : undefined;
      return [name, target ? `#/components/schemas/${target}` : moveShared(value, shared)];
    }),
  );
}

function operation(dialect: LoadedDialect, endpoint: Endpoint): Json {
  return {
    operationId: operationId(endpoint),
    summary: endpoint.summary,
    ...defined({ description: endpoint.description ?? undefined }),
    tags: [dialect.name],
    security: security(endpoint),
    parameters: parameters(endpoint),
    ...defined({ requestBody: endpoint.body ? requestBody(endpoint, endpoint.body) : undefined }),
    responses: {
      [endpoint.status]: {
        description: "Success",
        content: responseContent(endpoint),
      },
      ...defined({ 202: endpoint.mayPend ? pendingResponse(dialect) : undefined }),
      ...errorResponses(dialect, endpoint),
    },
  };
}

function responseContent({ response, rawTypes }: Endpoint): Json {
  if (rawTypes.includes(eventStream)) return { [eventStream]: { schema: { type: "string", description: streamed } } };
  return {
    "application/json": { schema: schema(response, "output") },
    ...Object.fromEntries(rawTypes.map((type) => [type, {}])),
  };
}

const eventStream = "text/event-stream";
const streamed = "Server-Sent Events. The `data` of each is an event in the shape that `GET /api/events` lists.";

const parameters = (endpoint: Endpoint): Json[] => [
  ...[...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  })),
  ...(endpoint.query ? queryParameters(schema(endpoint.query, "input")) : []),
  ...(endpoint.idempotent
    ? [{ name: "Idempotency-Key", in: "header", schema: { type: "string", minLength: 1, maxLength: 255 } }]
    : []),
];

const requestBody = (endpoint: Endpoint, body: z.ZodType): Json => ({
  required: !body.safeParse(undefined).success,
  content: {
    [endpoint.form ? "multipart/form-data" : "application/json"]: { schema: schema(body, "input") },
  },
});

const pendingResponse = (dialect: LoadedDialect): Json => ({
  description: "The command still runs. Query its result at `location`",
  content: { "application/json": { schema: schema(dialect.shapes.pending, "output") } },
});

/** Returns one response for each HTTP status, described by its error codes. */
function errorResponses(dialect: LoadedDialect, endpoint: Endpoint): Json {
  const codes = new Set(endpoint.errors);
  if (endpoint.access === "optional" || !isOpen(endpoint.access)) for (const code of credentialCodes) codes.add(code);
  if (endpoint.method !== "get") codes.add("origin_not_allowed");
  if (endpoint.instance) codes.add("instance_not_found");
  if (endpoint.query || endpoint.body) codes.add("invalid_request");
  if (endpoint.body) for (const code of bodyCodes) codes.add(code);
  if (dialect.limited) codes.add("rate_limited");
  codes.add("internal").add("unavailable");
  const statuses = [...new Set([...codes].map((code) => errorCodes[code].status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const names = [...codes].filter((code) => errorCodes[code].status === status).sort();
      const content = { [dialect.errorType]: { schema: { $ref: `#/components/schemas/${errorName(dialect)}` } } };
      return [status, { description: names.join(", "), content }];
    }),
  );
}

const credentialCodes = [
  "missing_credentials",
  "invalid_credentials",
  "expired_token",
  "forbidden",
  "ip_not_allowed",
] as const;
const bodyCodes = ["malformed_json", "payload_too_large", "unsupported_media_type"] as const;

function security(endpoint: Endpoint): Json[] {
  if (endpoint.access === "public") return [];
  // For a scheme other than OAuth, these are the names of roles.
  const scopes = endpoint.scope === null || endpoint.scope === "any" ? [] : [endpoint.scope];
  return [...(isOpen(endpoint.access) ? [{}] : []), { token: [] }, { apiKey: scopes }];
}

function queryParameters(object: Json): Json[] {
  const required = new Set((object.required as string[] | undefined) ?? []);
  return Object.entries((object.properties ?? {}) as Record<string, Json>).map(([name, property]) => ({
    name,
    in: "query",
    required: required.has(name),
    schema: property,
  }));
}

/** Returns the JSON Schema of a type before parsing (`input`, for senders) or after it (`output`, for receivers). */
export function schema(
  type: z.ZodType,
  io: "input" | "output",
  target: "draft-2020-12" | "draft-7" = "draft-2020-12",
): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(type, {
    io,
    target,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      simplify(jsonSchema, io);
      if (io === "input" && zodSchema._zod.def.type === "object") jsonSchema.additionalProperties ??= false;
    },
  }) as Json;
  return rest;
}

/** Simplifies a schema. Outputs allow more properties, so that clients generated today accept future fields. */
function simplify(schema: Json, io: "input" | "output"): void {
  if (schema.pattern === wholeNumberPattern) Object.assign(schema, { type: "integer" });
  const redundant = schema.pattern === wholeNumberPattern || String(schema.pattern ?? "").startsWith(isoPatternStart);
  if (redundant) delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (io === "output" && schema.additionalProperties === false) delete schema.additionalProperties;
}

/** The start of zod's patterns for dates and times, which repeat their `format`. */
const isoPatternStart = "^(?:(?:\\d\\d[2468][048]";

const errorName = (dialect: LoadedDialect) =>
  dialect.errorType === "application/problem+json" ? "Problem" : "GatewayError";

const operationId = (endpoint: Endpoint) =>
  [endpoint.method, ...endpoint.path.split("/").filter((part) => part !== "" && part !== "api")]
    .join("_")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replace(/_$/, "");
