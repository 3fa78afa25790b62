import { TrieRouter } from "hono/router/trie-router";
import { Hono } from "hono/tiny";
import { tryDecode } from "hono/utils/url";
import { AppError } from "../../core/error.ts";
import { count } from "../../core/metric/index.ts";
import { once } from "../../core/once.ts";
import { CallCounter } from "../../core/usage/calls.ts";
import { createTokens } from "../../core/user/token.ts";
import { gateway } from "./dialects/gateway/index.ts";
import { multiInstance } from "./dialects/multi-instance/index.ts";
import type { Shared } from "./engine/context.ts";
import type { ApiDeps } from "./engine/dependencies.ts";
import { type Dialect, tableOf } from "./engine/dialect.ts";
import type { Endpoint } from "./engine/endpoint.ts";
import { type ApiEnv, clientIp, requestIdOf } from "./engine/env.ts";
import { asAppError } from "./engine/errors.ts";
import { answerError, serve } from "./engine/serve.ts";

/** The first that owns a path decides how its errors look; the last owns the rest. */
export const dialects: readonly Dialect[] = [gateway, multiInstance];

/** A Lambda invocation takes 6 MiB with everything around the body; what is larger never gets here. */
const maxBodyBytes = 6_000_000;

/**
 * The whole REST API as one function of a request. Opens nothing and keeps no state but the tokens' signing keys, calls
 * that are being counted, and who is over the limit.
 */
export function createApp(deps: ApiDeps): Hono<ApiEnv> {
  const shared: Shared = {
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
  const openLimit = once(async () => {
    const { RateCount, RateLimiter } = await import("../../core/rate-limit/index.ts");
    const limiter = new RateLimiter(deps, limit);
    return (ip: string | undefined) => new RateCount(limiter, ip);
  });
  app.use(async (c, next) => {
    if (limit === 0 || !dialectOf(c.req.path).limited) return await next();
    const rate = (await openLimit())(clientIp(c));
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

  for (const [path, describe] of Object.entries(documents)) {
    app.get(path, async (c) => {
      c.set("route", path);
      return c.json(await describe());
    });
  }
  app.all("*", async (c) => {
    const { path } = c.req;
    const router = await familyOf(path)?.router();
    const find = (method: string) => router?.match(method, path)[0] ?? [];
    const [found] = find(c.req.method === "HEAD" ? "GET" : c.req.method);
    if (found) return await serve(c, shared, dialectOf(path), found[0], decoded(found[1]));
    const allowed = path in documents ? ["GET"] : methods.filter((method) => find(method).length > 0);
    if (allowed.length === 0) throw new AppError("route_not_found");
    c.header("allow", allowed.join(", "));
    throw new AppError("method_not_allowed", `try ${allowed.join(", ")}`);
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

const methods = ["GET", "POST", "PUT", "DELETE"];

/** Loaded when somebody asks: most never do. */
const documents: Record<string, () => Promise<unknown>> = {
  "/openapi.json": once(async () =>
    (await import("./document/openapi.ts")).openApi(await Promise.all(dialects.map(tableOf))),
  ),
  "/asyncapi.json": once(async () => (await import("./document/asyncapi.ts")).asyncApi()),
};

const families = dialects.flatMap((dialect) =>
  Object.entries(dialect.families).map(([name, load]) => ({
    prefix: `/api/${name}`,
    router: once(async () => routerOf(await load())),
  })),
);

const familyOf = (path: string) =>
  families.find(({ prefix }) => path.startsWith(prefix) && [undefined, "/"].includes(path[prefix.length]));

const decoded = (params: Record<string, string | number>) =>
  Object.fromEntries(Object.entries(params).map(([name, text]) => [name, tryDecode(String(text), decodeURIComponent)]));

function routerOf(endpoints: readonly Endpoint[]): TrieRouter<Endpoint> {
  const router = new TrieRouter<Endpoint>();
  for (const endpoint of endpoints)
    router.add(endpoint.method.toUpperCase(), endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"), endpoint);
  return router;
}

function dialectOf(path: string): Dialect {
  return dialects.find((dialect) => dialect.owns(path)) ?? multiInstance;
}
