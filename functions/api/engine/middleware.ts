import type { MiddlewareHandler } from "hono";
import { AppError } from "../../../core/error.ts";
import { foreignPage, isLoopbackAddress, reboundName } from "../../../core/http/browser.ts";
import type { Logger } from "../../../core/log.ts";
import { count } from "../../../core/metric/index.ts";
import { once } from "../../../core/once.ts";
import type { ApiDeps } from "./dependencies.ts";
import { type ApiEnv, peerAddress, requestIdOf } from "./env.ts";

type Middleware = MiddlewareHandler<ApiEnv>;

/** The largest body in bytes. The event of a Lambda invocation has at most 6 MiB, of which the body is only a part. */
const maxBodyBytes = 6_000_000;

/** Assigns each request its id and logger. Adds the id and the rate limit to the response, and logs and counts it. */
export function logRequests(log: Logger): Middleware {
  return async (c, next) => {
    const started = performance.now();
    const requestId = requestIdOf(c);
    c.set("requestId", requestId);
    c.set("log", log.child({ correlationId: requestId }));
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
  };
}

/**
 * Headers of every response. Responses contain keys, tokens and messages, so nobody may store them. No response is a page:
 * a browser must not guess another type, run a script in it (SVG), or show it in a frame.
 */
const securityHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Adds the security headers to every response, errors included. */
export const secureResponses: Middleware = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(securityHeaders)) c.res.headers.set(name, value);
};

const untrustedSender =
  "a request names its client in X-Forwarded-For or Forwarded, but its sender is not in TRUSTED_PROXIES, so the sender's address counts as the client's. If the sender is your reverse proxy, add it to TRUSTED_PROXIES";

/**
 * Finds the client's address, which everything else takes from `c.var.ip`. Logs once if a header names an address that
 * does not count.
 */
export function identifyClient({ config: { TRUSTED_PROXIES: trusted }, log }: ApiDeps): Middleware {
  const loadAddress = once(async () => (await import("../../../core/http/client-address.ts")).clientAddress);
  let warned = false;
  return async (c, next) => {
    const peer = peerAddress(c);
    const forwardedFor = c.req.header("x-forwarded-for");
    const forwarded = c.req.header("forwarded");
    // API Gateway appends the peer to X-Forwarded-For. A header that names only the peer needs no further code.
    const direct = forwarded === undefined && (forwardedFor === undefined || forwardedFor === peer);
    const found = direct
      ? { ip: peer, ignored: false }
      : (await loadAddress())({ peer, forwardedFor, forwarded }, trusted);
    c.set("ip", found.ip);
    c.set("addressIgnored", found.ignored);
    if (found.ignored && !warned) {
      warned = true;
      log.warn({ peer }, untrustedSender);
    }
    await next();
  };
}

export function countRequest(status: number): void {
  count("ApiRequests");
  if (status >= 500) count("ApiErrors");
}

/** Enforces `RATE_LIMIT` on the paths for which `isLimited` returns true. */
export function limitRequests(deps: ApiDeps, isLimited: (path: string) => boolean): Middleware {
  const { RATE_LIMIT: limit } = deps.config;
  const loadLimiter = once(async () => {
    const { RateCount, RateLimiter } = await import("../../../core/rate-limit/index.ts");
    const limiter = new RateLimiter(deps, limit);
    return (ip: string | undefined) => new RateCount(limiter, ip);
  });
  return async (c, next) => {
    if (limit === 0 || !isLimited(c.req.path)) return await next();
    const rate = (await loadLimiter())(c.var.ip);
    c.set("rate", rate);
    rate.assertLeft();
    await next();
    // A request can fail before or while it is counted, so the response to a failed request also waits for the count.
    if (!rate.allowance) await rate.settle();
  };
}

const otherwise =
  "call the API from a program, from a page that the same host and port serve, or from a page whose origin is in CORS_ORIGINS";

/** Headers of requests that a page in `CORS_ORIGINS` may set, and headers of responses that it may read. */
const corsRequestHeaders =
  "authorization, content-type, x-api-key, idempotency-key, x-request-id, last-event-id, cache-control, range";
const corsResponseHeaders =
  "x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, content-disposition, link, location";

/**
 * Refuses requests that a browser sends for a page of another site, and browsers that reach this machine under a name
 * of such a page. Nothing is counted for these requests, neither failed logins nor the rate limit. Pages in `CORS_ORIGINS`
 * may call the API. They send keys and tokens in headers, so no response allows cookies (`Access-Control-Allow-Credentials`).
 */
export function refuseForeignPages({ config: { CORS_ORIGINS: origins } }: ApiDeps): Middleware {
  return async (c, next) => {
    const header = (name: string) => c.req.header(name);
    const origin = header("origin");
    const isAllowed = origin !== undefined && origins.includes(origin);
    const isPreflight = c.req.method === "OPTIONS" && header("access-control-request-method") !== undefined;
    const rebound = isLoopbackAddress(c.var.ip) ? reboundName(header) : undefined;
    const foreign = isPreflight ? `the origin ${origin?.slice(0, 100)} asks` : foreignPage(c.req.method, header);
    const reason = (isAllowed ? undefined : foreign) ?? rebound;
    if (reason) throw new AppError("origin_not_allowed", `${reason}: ${otherwise}`);
    if (isPreflight) c.res = new Response(null, { status: 204 });
    else await next();
    if (origins.length > 0) c.res.headers.append("vary", "Origin");
    if (!isAllowed) return;
    c.res.headers.set("access-control-allow-origin", origin);
    if (!isPreflight) return c.res.headers.set("access-control-expose-headers", corsResponseHeaders);
    c.res.headers.set("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    c.res.headers.set("access-control-allow-headers", corsRequestHeaders);
    c.res.headers.set("access-control-max-age", "600");
  };
}

/**
 * Refuses bodies that are neither JSON nor `multipart/form-data`. A web page can send other types, and bodies without a
 * type, to any site without asking that site first. The endpoint decides which of the two types it accepts.
 */
export const requireBodyType: Middleware = async (c, next) => {
  const type = mediaType(c.req.header("content-type"));
  const accepted = type !== undefined && (isJson(type) || type === "multipart/form-data");
  if (!accepted && (await c.req.arrayBuffer()).byteLength > 0) {
    throw new AppError("unsupported_media_type", "send the body as application/json, with this content type");
  }
  await next();
};

/** Returns the media type of a `Content-Type` header in lower case, without parameters. */
export const mediaType = (contentType: string | undefined) => contentType?.split(";")[0]?.trim().toLowerCase();

export const isJson = (type: string) => type === "application/json" || type.endsWith("+json");

/** Refuses bodies over 6 MB. */
export const limitBody: Middleware = async (c, next) => {
  const declared = Number(c.req.header("content-length") ?? 0);
  const size = declared > maxBodyBytes ? declared : (await c.req.arrayBuffer()).byteLength;
  if (size > maxBodyBytes) throw new AppError("payload_too_large", `the body can have at most ${maxBodyBytes} bytes`);
  await next();
};
