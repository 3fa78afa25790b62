import { Hono } from "hono";
import { AppError } from "../../core/error.ts";
import { count } from "../../core/metric/index.ts";
import { RateCount, RateLimiter } from "../../core/rate-limit/index.ts";
import { CallCounter } from "../../core/usage/calls.ts";
import { createTokens } from "../../core/user/index.ts";
import { asyncApi } from "./asyncapi.ts";
import type { Context } from "./context.ts";
import type { ApiDeps } from "./deps.ts";
import type { Dialect } from "./dialect.ts";
import { gateway } from "./dialects/gateway/index.ts";
import { multiInstance } from "./dialects/multi-instance/index.ts";
import { type ApiEnv, clientIp, requestIdOf } from "./env.ts";
import { asAppError } from "./errors.ts";
import { openApi } from "./openapi.ts";
import { answerError, serve } from "./serve.ts";

/** The first that owns a path decides how its errors look; the last owns the rest. */
export const dialects: readonly Dialect[] = [gateway, multiInstance];

/** A Lambda invocation takes 6 MiB with everything around the body; what is larger never gets here. */
const maxBodyBytes = 6_000_000;

/**
 * The whole REST API as one function of a request. Opens nothing and keeps no state but the tokens' signing keys, calls
 * that are being counted, and who is over the limit.
 */
export function createApp(deps: ApiDeps): Hono<ApiEnv> {
  const shared: Context["deps"] = {
    ...deps,
    shards: deps.config.SHARDS,
    tokens: createTokens(deps),
    calls: new CallCounter(deps),
  };
  const app = new Hono<ApiEnv>();

  app.use(async (c, next) => {
    const started = performance.now();
    const requestId = requestIdOf(c);
    c.set("requestId", requestId);
    c.set("log", deps.log.child({ correlationId: requestId }));
    await next();
    c.res.headers.set("x-request-id", requestId);
    const allowance = c.var.rate?.allowance;
    if (allowance) {
      c.res.headers.set("ratelimit-limit", String(allowance.limit));
      c.res.headers.set("ratelimit-remaining", String(allowance.remaining));
      c.res.headers.set("ratelimit-reset", String(allowance.resetSeconds));
    }
    const { status } = c.res;
    countRequest(status);
    const ms = Math.round(performance.now() - started);
    const { route = "none", userId, errorCode: code } = c.var;
    c.var.log[status < 500 ? "info" : "error"]({ method: c.req.method, route, status, ms, userId, code }, "request");
  });

  const { RATE_LIMIT: limit } = deps.config;
  const limiter = limit > 0 ? new RateLimiter(deps, limit) : undefined;
  app.use(async (c, next) => {
    if (!limiter || !dialectOf(c.req.path).limited) return await next();
    const rate = new RateCount(limiter, clientIp(c));
    c.set("rate", rate);
    rate.assertLeft();
    await next();
    // What was answered before anybody was asked who they are counts as well.
    if (!rate.counted) await rate.settle();
  });

  app.use(async (c, next) => {
    const declared = Number(c.req.header("content-length") ?? 0);
    const size = declared > maxBodyBytes ? declared : (await c.req.arrayBuffer()).byteLength;
    if (size > maxBodyBytes) throw new AppError("payload_too_large", `the body is at most ${maxBodyBytes} bytes`);
    await next();
  });

  for (const dialect of dialects) {
    for (const row of dialect.rows) {
      const path = row.path.replaceAll(/\{(\w+)\}/g, ":$1");
      app.on(row.method.toUpperCase(), path, (c) => serve(c, shared, dialect, row));
    }
  }
  let document: unknown;
  app.get(openApiPath, (c) => {
    c.set("route", openApiPath);
    document ??= openApi(dialects);
    return c.json(document);
  });

  let messages: unknown;
  app.get(asyncApiPath, (c) => {
    c.set("route", asyncApiPath);
    messages ??= asyncApi();
    return c.json(messages);
  });

  app.notFound((c) => {
    const allowed = methodsOf(c.req.path);
    if (allowed.length === 0) return answerError(c, dialectOf(c.req.path), new AppError("route_not_found"));
    c.header("allow", allowed.join(", "));
    return answerError(c, dialectOf(c.req.path), new AppError("method_not_allowed", `try ${allowed.join(", ")}`));
  });

  app.onError((error, c) => {
    const known = asAppError(error, c.req.method);
    if (known.status >= 500) c.var.log.error({ err: error, code: known.code }, "a request failed");
    return answerError(c, dialectOf(c.req.path), known);
  });
  return app;
}

/** What answers in place of the API while it cannot be opened: the error, to everybody. */
export function createRefusal(error: AppError): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.all("*", (c) => {
    c.header("x-request-id", requestIdOf(c));
    countRequest(error.status);
    return answerError(c, dialectOf(c.req.path), error);
  });
  return app;
}

function countRequest(status: number): void {
  count("ApiRequests");
  if (status >= 500) count("ApiErrors");
}

const openApiPath = "/openapi.json";
const asyncApiPath = "/asyncapi.json";

const patterns = [
  { method: "GET", pattern: /^\/(?:open|async)api\.json$/ },
  ...dialects
    .flatMap((dialect) => dialect.rows)
    .map((row) => ({
      method: row.method.toUpperCase(),
      pattern: new RegExp(`^${row.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
    })),
];

const methodsOf = (path: string) => [
  ...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
];

function dialectOf(path: string): Dialect {
  return dialects.find((dialect) => dialect.owns(path)) ?? multiInstance;
}
