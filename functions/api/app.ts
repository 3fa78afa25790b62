import { Hono } from "hono/tiny";
import { AppError } from "../../core/error.ts";
import { defaultQuotas } from "../../core/quota/limits.ts";
import { CallCounter } from "../../core/usage/calls.ts";
import { LookUps } from "../../core/user/look-up.ts";
import { createTokens } from "../../core/user/token.ts";
import { labelled } from "../../core/work.ts";
import type { SharedContext } from "./engine/context.ts";
import type { ApiDeps } from "./engine/dependencies.ts";
import { type ApiEnv, requestIdOf } from "./engine/env.ts";
import { asAppError, withIgnoredAddress } from "./engine/errors.ts";
import {
  countRequest,
  identifyClient,
  limitBody,
  limitRequests,
  logRequests,
  refuseForeignPages,
  requireBodyType,
  secureResponses,
} from "./engine/middleware.ts";
import { respondWithError, serve } from "./engine/serve.ts";
import { isStreamPath } from "./engine/stream-path.ts";
import { allowedMethods, dialectOf, documents, findEndpoint, healthPath } from "./routes.ts";

/**
 * Creates the REST API without opening connections. The only state that it keeps between requests is the signing keys of
 * tokens, the calls that are not counted yet, and the callers that are over the rate limit.
 */
export function createApp(deps: ApiDeps): Hono<ApiEnv> {
  const shared: SharedContext = {
    ...deps,
    shards: deps.config.SHARDS,
    quotas: defaultQuotas(deps.config),
    tokens: createTokens(deps),
    calls: new CallCounter(deps),
    lookUps: new LookUps(deps),
  };
  const app = new Hono<ApiEnv>();
  app.use(secureResponses);
  app.use(logRequests(deps.log));
  app.use(identifyClient(deps));
  app.use(refuseForeignPages(deps));
  app.use(limitRequests(deps, (path) => dialectOf(path).limited && path !== healthPath));
  app.use(limitBody);
  app.use(requireBodyType);
  for (const [path, describe] of Object.entries(documents)) {
    app.get(path, async (c) => {
      c.set("route", path);
      return c.json(await describe());
    });
  }
  app.all("*", async (c) => {
    const { path } = c.req;
    const { STREAM_URL } = deps.config;
    // Before the credentials are checked, because a stream token can be used only once.
    if (STREAM_URL && !c.env?.streaming && isStreamPath(path))
      return c.redirect(new URL(`.${path}${new URL(c.req.url).search}`, STREAM_URL).href, 307);
    const found = await findEndpoint(c.req.method, path);
    if (found) {
      const { endpoint, params } = found;
      return await labelled(`${c.req.method} ${endpoint.path}`, () =>
        serve(c, shared, dialectOf(path), endpoint, params),
      );
    }
    const allowed = await allowedMethods(path);
    if (allowed.length === 0) throw new AppError("route_not_found");
    c.header("allow", allowed.join(", "));
    throw new AppError("method_not_allowed", `use ${allowed.join(", ")}`);
  });
  app.onError((error, c) => {
    const known = asAppError(error, c.req.method);
    const appError = c.var.addressIgnored ? withIgnoredAddress(known) : known;
    if (appError.status >= 500) c.var.log.error({ err: error, code: appError.code }, "request failed");
    return respondWithError(c, dialectOf(c.req.path), appError);
  });
  return app;
}

/** Creates an app that responds to every request with `error`. Replaces the API while it can't start. */
export function createErrorApp(error: AppError): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(secureResponses);
  app.all("*", (c) => {
    c.header("x-request-id", requestIdOf(c));
    countRequest(error.status);
    return respondWithError(c, dialectOf(c.req.path), error);
  });
  return app;
}
