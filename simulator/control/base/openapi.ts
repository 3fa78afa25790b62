import { z } from "zod";
import type { Route } from "./route.ts";

function json(schema: z.ZodType, io: "input" | "output"): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown>;
  return rest;
}

function operation(definition: Route, problem: z.ZodType): unknown {
  const path = [...definition.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const querySchema = definition.query
    ? (json(definition.query, "input") as { properties?: Record<string, unknown>; required?: string[] })
    : {};
  const query = Object.entries(querySchema.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: querySchema.required?.includes(name) ?? false,
    schema,
  }));
  const content = definition.bytes
    ? { "application/octet-stream": { schema: { type: "string", format: "binary" } } }
    : definition.answer && { "application/json": { schema: json(definition.answer, "output") } };
  const status = !content ? "204" : definition.method === "post" ? "201" : "200";
  return {
    summary: definition.summary,
    operationId: `${definition.method}${definition.path.replace(/[{}]/g, "").replace(/[/.]+(\w?)/g, (_, c: string) => c.toUpperCase())}`,
    parameters: [...path, ...query],
    ...(definition.body && {
      requestBody: { required: true, content: { "application/json": { schema: json(definition.body, "input") } } },
    }),
    responses: {
      [status]: { description: "Success", ...(content && { content }) },
      default: { description: "Error", content: { "application/json": { schema: json(problem, "output") } } },
    },
  };
}

/** Returns the OpenAPI 3.1 document of the routes. */
export function document(routes: Route[], problem: z.ZodType): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const definition of routes) {
    paths[definition.path] = { ...paths[definition.path], [definition.method]: operation(definition, problem) };
  }
  return { openapi: "3.1.0", info: { title: "Simulated WhatsApp: control", version: "1.0.0" }, paths };
}
