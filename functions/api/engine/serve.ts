import type { Context as HonoContext } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod";
import { closedVault, type Vault } from "../../../core/crypto/index.ts";
import { sqlState, sqlStates } from "../../../core/db/sql-state.ts";
import { AppError } from "../../../core/error.ts";
import { accessible } from "../../../core/instance/store.ts";
import { readJson } from "../../../core/json.ts";
import { defined } from "../../../core/object.ts";
import { responseBytes } from "../../../core/page.ts";
import { declaredFields } from "../../../core/unknown-field.ts";
import { recordKeyUse } from "../../../core/user/authenticate.ts";
import { assertNoFields, assertNotRepeated, validated, type Written } from "../../../core/validate.ts";
import { audit, auditOfSend, isSend, type Subject } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import { storageOf } from "./bucket-links.ts";
import { type Context, type InstanceContext, Pending, RawResponse, type SharedContext } from "./context.ts";
import type { Dialect } from "./dialect.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ApiEnv } from "./env.ts";
import { isJson, mediaType } from "./middleware.ts";
import { forwardingHeader } from "./open-key-generation.ts";

/**
 * Serves a request with its endpoint. Every request with valid credentials counts as a call and as a use of the key, even if
 * it fails. Both are written while the operation runs, and the response waits for them.
 */
export async function serve(
  c: HonoContext<ApiEnv>,
  shared: SharedContext,
  dialect: Dialect,
  endpoint: Endpoint,
  params: Record<string, string>,
): Promise<Response> {
  c.set("route", endpoint.path);
  let counted: Promise<void> | undefined;
  let used: Promise<void> | undefined;
  const subject: Subject = {};
  const count = async (instanceId?: string) => {
    const { caller, ip } = c.var;
    if (caller) {
      used ??= recordKeyUse(shared, caller, ip);
      // A send is counted in the statement that stores it, or here if it isn't stored.
      if (!subject.isWritten && (ended || !isSend(endpoint))) {
        counted ??= shared.calls.count(caller.userId, instanceId);
      }
    }
    await Promise.all([counted, used]);
  };
  let ended = false;
  const end = async (how: { response: Response } | { error: unknown }) => {
    // A request that failed before its instance was known counts for no instance.
    ended = true;
    await Promise.all([count(subject.instance?.id), audit(c, shared, endpoint, params, subject, how)]);
  };
  let response: Response;
  try {
    response = await respond(c, shared, dialect, endpoint, params, { count, subject });
  } catch (error) {
    await end({ error });
    throw error;
  }
  await end({ response });
  return response;
}

/**
 * Checks the credentials first, then the instance, then the rest of the request, so that validation errors reveal nothing
 * to callers without access.
 */
async function respond(
  c: HonoContext<ApiEnv>,
  shared: SharedContext,
  dialect: Dialect,
  endpoint: Endpoint,
  params: Record<string, string>,
  { count, subject }: { count: (instanceId?: string) => Promise<void>; subject: Subject },
): Promise<Response> {
  const inPath = endpoint.instance === "path" ? String(params.instanceId) : undefined;
  const { caller, loaded } = (await authenticate(c, shared, endpoint, inPath).catch(async (error: unknown) => {
    // Throws `rate_limited` first, so that a caller over the limit can't find out whether credentials are valid.
    await c.var.rate?.settle();
    throw error;
  })) ?? { caller: undefined };
  const loadForCaller = async (id: string) =>
    caller && accessible(caller, loaded ? loaded.instance : await shared.lookUps.instance(id));

  const [pathInstance] = await Promise.all([
    inPath === undefined ? undefined : loadForCaller(inPath),
    c.var.rate?.settle(),
  ]);
  subject.instance = pathInstance;
  if (endpoint.instance !== "body") void count(pathInstance?.id);
  const query = readFields(endpoint.query, readQuery(c), { whole: "query", field: "query parameter" });
  const written = await (endpoint.form ? readForm(c) : readBody(c));
  if (endpoint.body) subject.fields = declaredFields(endpoint.body, written);
  const body = readFields(endpoint.body, written, { whole: "body", field: "field" });
  const instance =
    endpoint.instance === "body" ? await loadForCaller((body as { instanceId: string }).instanceId) : pathInstance;
  subject.instance = instance;
  const counted = count(instance?.id);

  const { storage, redirectStorage } = storageOf(c, shared);
  const vault = endpoint.secrets ? await openVault(shared) : closedVault;
  const context: Partial<InstanceContext> & Context = {
    deps: { ...shared, storage, vault, log: c.var.log },
    requestId: c.var.requestId,
    actFor: (userId) => {
      subject.userId = userId;
    },
    redirectStorage,
    counted,
    audit: auditOfSend(c, endpoint, params, subject),
    host: c.req.header("host"),
    forwardedBy: forwardingHeader(c.req.raw.headers.keys()),
    ip: c.var.ip,
    idempotencyKey: endpoint.idempotent ? idempotencyKey(c.req.header("idempotency-key")) : undefined,
    accept: c.req.header("accept"),
    streaming: c.env?.streaming,
    bodiless: c.req.method === "HEAD",
    lastEventId: c.req.header("last-event-id"),
    ...defined({ caller, instance }),
  };
  const result = await endpoint.run(context, { params, query, body }).catch((error: unknown) => {
    throw (endpoint.instance && instanceGone(error)) || unusableText(error) || error;
  });
  if (result instanceof RawResponse) return new Response(result.body, result);
  return result instanceof Pending
    ? c.json(dialect.pending(result.commandId), 202)
    : respondWithJson(c, result, endpoint.status);
}

/**
 * The largest response of a Lambda function, less room for the headers. The response contains the body as a JSON string.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const maxResponseBytes = 6_200_000;

/** Throws `not_supported` if the response is too large for Lambda. API Gateway would respond with 500. */
function respondWithJson(c: HonoContext<ApiEnv>, result: unknown, status: ContentfulStatusCode): Response {
  const body = JSON.stringify(result);
  // A UTF-16 code unit of the body has at most 3 bytes in the response.
  if (body.length > maxResponseBytes / 3 && responseBytes(body) > maxResponseBytes) {
    throw new AppError("not_supported", "the result is too large for a response; ask for fewer items");
  }
  return c.body(body, status, { "content-type": "application/json" });
}

/** Returns an error response in the shape of the dialect. Adds the error's code to the log line of the request. */
export function respondWithError(c: HonoContext<ApiEnv>, dialect: Dialect, error: AppError): Response {
  c.set("errorCode", error.code);
  if (error.status === 401) c.header("www-authenticate", "Bearer");
  const retryAfter = error.data?.retryAfter;
  if (typeof retryAfter === "number") c.header("retry-after", String(retryAfter));
  const body = JSON.stringify(dialect.error(error, c.req.path));
  return c.body(body, error.status as ContentfulStatusCode, { "content-type": dialect.errorType });
}

/**
 * Call this function outside of transactions. It reads the keys over a second connection, which a pool of one
 * connection does not have.
 */
async function openVault(shared: SharedContext): Promise<Vault> {
  try {
    return await shared.vault();
  } catch (error) {
    throw new AppError("unavailable", "the encryption keys are not available", { cause: error });
  }
}

/** Returns the query parameters. Throws `invalid_request` for a repeated one, of which only one value would have an effect. */
function readQuery(c: HonoContext<ApiEnv>): Record<string, string> {
  assertNotRepeated(c.req.queries());
  return c.req.query();
}

/** Without a schema, a request must have no fields. Clients may send an empty body. */
function readFields(schema: z.ZodType | null, value: unknown, written: Written): unknown {
  if (schema) return validated(schema, value, written);
  assertNoFields(value, written);
  return undefined;
}

/** Returns undefined for an empty body. Throws `unsupported_media_type`, `malformed_json` and `invalid_request`. */
async function readBody(c: HonoContext<ApiEnv>): Promise<unknown> {
  const bytes = await c.req.arrayBuffer();
  if (bytes.byteLength === 0) return undefined;
  if (!isJson(mediaType(c.req.header("content-type")) ?? "")) {
    throw new AppError("unsupported_media_type", "send the body as application/json");
  }
  const { value, error } = readJson(decodeUtf8(bytes), "body");
  if (error) throw error;
  return value;
}

/** Throws `malformed_json`. */
function decodeUtf8(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new AppError("malformed_json", "the body must be JSON in UTF-8", { cause: error });
  }
}

/** Returns the fields of a form. Repeated fields become lists. Throws `unsupported_media_type` and `invalid_request`. */
async function readForm(c: HonoContext<ApiEnv>): Promise<unknown> {
  if (mediaType(c.req.header("content-type")) !== "multipart/form-data") {
    throw new AppError("unsupported_media_type", "send the body as multipart/form-data");
  }
  try {
    return await c.req.parseBody({ all: true });
  } catch (error) {
    throw new AppError("invalid_request", "the body is not a valid form", { cause: error });
  }
}

function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new AppError("invalid_request", "Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces");
}

/** Returns `instance_not_found` for a foreign key violation: the instance was deleted after it was loaded. */
function instanceGone(error: unknown): AppError | undefined {
  return sqlState(error) === sqlStates.foreignKeyViolation
    ? new AppError("instance_not_found", undefined, { cause: error })
    : undefined;
}

/** Returns `invalid_request` if Postgres refused text that the schema of the request allows: text with NUL. */
function unusableText(error: unknown): AppError | undefined {
  return sqlState(error) === sqlStates.invalidText
    ? new AppError("invalid_request", "the request must not contain NUL characters", { cause: error })
    : undefined;
}
