import type { Context, Hono } from "hono";
import { z } from "zod";
import type { WhatsApp } from "../../server/whatsapp.ts";

type Schema = z.ZodType;

/** An operation of the control API. Its schemas check the request and describe the operation in the OpenAPI document. */
export type Route<Q extends Schema = Schema, B extends Schema = Schema> = {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** Path parameters have the form `{name}`. */
  path: string;
  summary: string;
  query?: Q;
  body?: B;
  /** Schema of the JSON response. Without a schema, the response has the status 204, or is a file if `bytes` is set. */
  answer?: Schema;
  bytes?: true;
  run(input: { wa: WhatsApp; params: Record<string, string>; query: z.output<Q>; body: z.output<B> }): unknown;
};

export type ControlStatus = 400 | 403 | 404 | 408 | 409 | 415;

/** An error that the caller of the control API caused. */
export class ControlError extends Error {
  readonly status: ControlStatus;
  constructor(status: ControlStatus, message: string) {
    super(message);
    this.status = status;
  }
}

/** Infers the types of a route's `run` from its schemas. */
export function route<Q extends Schema, B extends Schema>(definition: Route<Q, B>): Route {
  return definition as unknown as Route;
}

function parse(schema: Schema | undefined, value: unknown, where: string): unknown {
  if (!schema) return {};
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ControlError(400, `${where}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

async function readBody(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new ControlError(400, `the body is not JSON: ${error}`);
  }
}

/** Adds a route to the app. A successful `post` with a JSON response has the status 201. */
export function mount(app: Hono, wa: WhatsApp, definition: Route): void {
  const path = definition.path.replace(/\{(\w+)\}/g, ":$1");
  app.on(definition.method.toUpperCase(), path, async (context) => {
    const answer = await definition.run({
      wa,
      params: context.req.param() as Record<string, string>,
      query: parse(definition.query, context.req.query(), "query"),
      body: parse(definition.body, definition.body && (await readBody(context)), "body"),
    });
    if (answer instanceof Uint8Array) return context.body(new Uint8Array(answer));
    if (answer === undefined) return context.body(null, 204);
    return context.json(answer as object, definition.method === "post" ? 201 : 200);
  });
}
