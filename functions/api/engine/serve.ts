import type { Context as HonoContext } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod";
import { closedVault, type Vault } from "../../../core/crypto/index.ts";
import { sqlState, sqlStates } from "../../../core/db/sql-state.ts";
import { AppError } from "../../../core/error.ts";
import { loadInstance } from "../../../core/instance/store.ts";
import { authenticate } from "./authenticate.ts";
import { type Context, type InstanceContext, Pending, Raw, type Shared } from "./context.ts";
import type { Dialect } from "./dialect.ts";
import type { Endpoint } from "./endpoint.ts";
import { type ApiEnv, clientIp } from "./env.ts";
import { invalidRequest } from "./errors.ts";
import { forwardingHeader } from "./open-key.ts";

/**
 * Answers one request by one endpoint. With valid credentials it is counted as a call, whatever it is answered; that is written
 * while the request is worked on, and the answer waits for it.
 */
export async function serve(
  c: HonoContext<ApiEnv>,
  shared: Shared,
  dialect: Dialect,
  endpoint: Endpoint,
  params: Record<string, string>,
): Promise<Response> {
  c.set("route", endpoint.path);
  let counted: Promise<void> | undefined;
  const count = async (instanceId?: string) => {
    const { userId } = c.var;
    if (userId !== undefined) counted ??= shared.calls.count(userId, instanceId);
    await counted;
  };
  try {
    return await answer(c, shared, dialect, endpoint, params, count);
  } finally {
    // What failed before its instance was known is about none.
    await count();
  }
}

/**
 * Credentials come first, then the instance, then the rest of the request: nobody learns from a validation error what they
 * may not touch.
 */
async function answer(
  c: HonoContext<ApiEnv>,
  shared: Shared,
  dialect: Dialect,
  endpoint: Endpoint,
  params: Record<string, string>,
  count: (instanceId?: string) => Promise<void>,
): Promise<Response> {
  const caller = await authenticate(c, shared, endpoint.access).catch(async (error: unknown) => {
    // Over the limit, right credentials and wrong ones get one answer.
    await c.var.rate?.settle();
    throw error;
  });
  const load = async (id: unknown) => caller && loadInstance(shared.db, caller, String(id));

  const [named] = await Promise.all([
    endpoint.instance === "path" ? load(params.instanceId) : undefined,
    c.var.rate?.settle(),
  ]);
  if (endpoint.instance !== "body") void count(named?.id);
  const query = endpoint.query ? parsed(endpoint.query, c.req.query(), "query") : undefined;
  const body = endpoint.body
    ? parsed(endpoint.body, await (endpoint.form ? readForm(c) : readJson(c)), "body")
    : undefined;
  const instance = endpoint.instance === "body" ? await load((body as { instanceId: string }).instanceId) : named;
  const counted = count(instance?.id);

  const context: Partial<InstanceContext> & Context = {
    deps: { ...shared, vault: endpoint.secrets ? await opened(shared) : closedVault, log: c.var.log },
    requestId: c.var.requestId,
    counted,
    host: c.req.header("host"),
    forwardedBy: forwardingHeader(c.req.raw.headers.keys()),
    ip: clientIp(c),
    idempotencyKey: endpoint.idempotent ? idempotencyKey(c.req.header("idempotency-key")) : undefined,
    accept: c.req.header("accept"),
    ...(caller ? { caller } : {}),
    ...(instance ? { instance } : {}),
  };
  const result = await endpoint.run(context, { params, query, body }).catch((error: unknown) => {
    throw (endpoint.instance && instanceGone(error)) || error;
  });
  if (result instanceof Raw) return new Response(result.body, result);
  return result instanceof Pending ? c.json(dialect.pending(result.commandId), 202) : c.json(result, endpoint.status);
}

/** An error as its dialect writes it; the log line of the request gets its code. */
export function answerError(c: HonoContext<ApiEnv>, dialect: Dialect, error: AppError): Response {
  c.set("errorCode", error.code);
  if (error.status === 401) c.header("www-authenticate", "Bearer");
  const retryAfter = error.data?.retryAfter;
  if (typeof retryAfter === "number") c.header("retry-after", String(retryAfter));
  const body = JSON.stringify(dialect.error(error, c.req.path));
  return c.body(body, error.status as ContentfulStatusCode, { "content-type": dialect.errorType });
}

/** Outside of all transactions: where there is one connection, to ask for the keys inside of one would wait for ever. */
async function opened(shared: Shared): Promise<Vault> {
  try {
    return await shared.vault();
  } catch (error) {
    throw new AppError("unavailable", "the keys of what is kept sealed are not available", { cause: error });
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidRequest(result.error, where);
}

/** Undefined when there is no body. Throws `unsupported_media_type` and `malformed_json`. */
async function readJson(c: HonoContext<ApiEnv>): Promise<unknown> {
  const bytes = await c.req.arrayBuffer();
  if (bytes.byteLength === 0) return undefined;
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type && type !== "application/json" && !type.endsWith("+json")) {
    throw new AppError("unsupported_media_type", "send the body as application/json");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw new AppError("malformed_json", "the body must be JSON in UTF-8", { cause: error });
  }
}

/** Fields of a form; one that comes twice is a list. Throws `unsupported_media_type` and `invalid_request`. */
async function readForm(c: HonoContext<ApiEnv>): Promise<unknown> {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "multipart/form-data") {
    throw new AppError("unsupported_media_type", "send the body as multipart/form-data");
  }
  try {
    return await c.req.parseBody({ all: true });
  } catch (error) {
    throw new AppError("invalid_request", "the body is not a form that can be read", { cause: error });
  }
}

function idempotencyKey(given: string | undefined): string | undefined {
  if (given === undefined || /^[\x21-\x7e]{1,255}$/.test(given)) return given;
  throw new AppError("invalid_request", "Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces");
}

/** A endpoint of an instance that was removed between our look at it and our write (foreign key violation). */
function instanceGone(error: unknown): AppError | undefined {
  return sqlState(error) === sqlStates.foreignKeyViolation
    ? new AppError("instance_not_found", undefined, { cause: error })
    : undefined;
}
