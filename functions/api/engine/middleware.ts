import type { MiddlewareHandler } from "hono";
import { AppError } from "../../../core/error.ts";
import type { Logger } from "../../../core/log.ts";
import { count } from "../../../core/metric/index.ts";
import { once } from "../../../core/once.ts";
import type { ApiDeps } from "./dependencies.ts";
import { type ApiEnv, clientIp, requestIdOf } from "./env.ts";

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
    const rate = (await loadLimiter())(clientIp(c));
    c.set("rate", rate);
    rate.assertLeft();
    await next();
    // A request can fail before or while it is counted, so the response to a failed request also waits for the count.
    if (!rate.allowance) await rate.settle();
  };
}

/** Refuses bodies over 6 MB. */
export const limitBody: Middleware = async (c, next) => {
  const declared = Number(c.req.header("content-length") ?? 0);
  const size = declared > maxBodyBytes ? declared : (await c.req.arrayBuffer()).byteLength;
  if (size > maxBodyBytes) throw new AppError("payload_too_large", `the body can have at most ${maxBodyBytes} bytes`);
  await next();
};
