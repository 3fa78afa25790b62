import type { Context, Hono } from "hono";
import { z } from "zod";

type Schema = z.ZodType;

/** One operation of the control API. Its schemas check what comes in, and make the document. */
export type Route<Q extends Schema = Schema, B extends Schema = Schema> = {
  method: "get" | "post" | "patch" | "delete";
  /** With `{name}` for parameters. */
  path: string;
  summary: string;
  query?: Q;
  body?: B;
  /** Absent: the answer is 204, or bytes. */
  answer?: Schema;
  bytes?: true;
  run(input: { params: Record<string, string>; query: z.output<Q>; body: z.output<B> }): unknown;
};

/** What the caller did wrong. */
export class ControlError extends Error {
  readonly status: 400 | 404 | 408 | 409;
  constructor(status: 400 | 404 | 408 | 409, message: string) {
    super(message);
    this.status = status;
  }
}

/** Keeps the types of a route's schemas for its `run`. */
export function route<Q extends Schema, B extends Schema>(definition: Route<Q, B>): Route {
  return definition as unknown as Route;
}

function parse(schema: Schema | undefined, value: unknown, where: string): unknown {
  if (!schema) return {};
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ControlError(400, `${where}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

async function body(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new ControlError(400, `the body is not JSON: ${error}`);
  }
}

export function mount(app: Hono, definition: Route): void {
  const path = definition.path.replace(/\{(\w+)\}/g, ":$1");
  app.on(definition.method.toUpperCase(), path, async (context) => {
    const answer = await definition.run({
      params: context.req.param() as Record<string, string>,
      query: parse(definition.query, context.req.query(), "query"),
      body: parse(definition.body, definition.body && (await body(context)), "body"),
    });
    if (answer instanceof Uint8Array) return context.body(new Uint8Array(answer));
    if (answer === undefined) return context.body(null, 204);
    return context.json(answer as object, definition.method === "post" ? 201 : 200);
  });
}

function json(schema: Schema, io: "input" | "output"): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Record<string, unknown>;
  return rest;
}

function operation(definition: Route, problem: Schema): unknown {
  const path = [...definition.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const described = definition.query
    ? (json(definition.query, "input") as { properties?: Record<string, unknown>; required?: string[] })
    : {};
  const query = Object.entries(described.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: described.required?.includes(name) ?? false,
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
      [status]: { description: "Done", ...(content && { content }) },
      default: { description: "Refused", content: { "application/json": { schema: json(problem, "output") } } },
    },
  };
}

/** The OpenAPI 3.1 document of these routes. */
export function document(routes: Route[], problem: Schema): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const definition of routes) {
    paths[definition.path] = { ...paths[definition.path], [definition.method]: operation(definition, problem) };
  }
  return { openapi: "3.1.0", info: { title: "Simulated WhatsApp: control", version: "1.0.0" }, paths };
}
