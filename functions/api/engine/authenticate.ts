import type { Context as HonoContext } from "hono";
import { assertAllInstances, assertPermission, assertScope, type Caller, hasScope } from "../../../core/caller.ts";
import { AppError } from "../../../core/error.ts";
import type { Instance } from "../../../core/instance/index.ts";
import { within } from "../../../core/timeout.ts";
import { callerOfToken } from "../../../core/user/authenticate.ts";
import type { SharedContext } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ApiEnv } from "./env.ts";
import { isStreamPath } from "./stream-path.ts";

/** A caller, and the instance that the request names if it was read together with the key. */
export interface Authenticated {
  caller: Caller;
  /** Check the caller's access before you use the instance. */
  loaded?: { instance: Instance | undefined };
}

/**
 * Identifies the caller by the token in `Authorization: Bearer`, or else by the API key in `x-api-key`. Ignores other schemes
 * in `Authorization`, which may be meant for a proxy. Returns undefined without credentials if the endpoint allows that. Throws `missing_credentials`, `invalid_credentials`, `expired_token`,
 * `ip_not_allowed`, or `forbidden` if the caller lacks the endpoint's permission or scope, or if the endpoint is not for keys
 * that are limited to instances.
 */
export async function authenticate(
  c: HonoContext<ApiEnv>,
  deps: SharedContext,
  { access, scope, limitable }: Pick<Endpoint, "access" | "scope" | "limitable">,
  instanceId?: string,
): Promise<Authenticated | undefined> {
  if (access === "public") return undefined;
  if (access === "recognized") {
    const caller = await recognizedCaller(c, deps);
    return caller && hasScope(caller, "system:read") && !caller.key?.instances ? { caller } : undefined;
  }
  const found = await callerOf(c, deps, instanceId);
  const caller = found?.caller;
  if (!caller) {
    if (access === "optional") return undefined;
    throw new AppError("missing_credentials", "send an API key in x-api-key or a token in Authorization: Bearer");
  }
  c.set("userId", caller.userId);
  c.set("caller", caller);
  c.var.rate?.addCaller(caller);
  // The only endpoint with optional credentials creates a key.
  assertPermission(caller, access === "optional" ? "account" : access);
  if (scope && scope !== "any") assertScope(caller, scope);
  if (!limitable) assertAllInstances(caller);
  return found;
}

/** How long credentials that don't matter for the status of the response may take to check, in milliseconds. */
const recognizeMs = 3_000;

/** Returns undefined if the credentials are missing or not valid, or can't be checked. */
async function recognizedCaller(c: HonoContext<ApiEnv>, deps: SharedContext): Promise<Caller | undefined> {
  try {
    const found = await within(recognizeMs, callerOf(c, deps), () => new AppError("unavailable"));
    const caller = found?.caller;
    c.set("userId", caller?.userId);
    c.set("caller", caller);
    return caller;
  } catch (error) {
    c.var.log.debug({ err: error }, "the credentials of a request to an open endpoint don't count");
    return undefined;
  }
}

async function callerOf(
  c: HonoContext<ApiEnv>,
  deps: SharedContext,
  instanceId?: string,
): Promise<Authenticated | undefined> {
  const token = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (token) return { caller: await callerOfToken(deps, token, c.var.ip) };
  const key = c.req.header("x-api-key");
  const streamToken = c.req.query("token");
  if (!key && streamToken && isStreamPath(c.req.path)) {
    const { callerOfStreamToken } = await import("../../../core/event-stream/token.ts");
    return { caller: await callerOfStreamToken(deps, streamToken, c.var.ip) };
  }
  if (!key) return undefined;
  const { caller, instance } = await deps.lookUps.ofKey(key, c.var.ip, instanceId);
  return { caller, ...(instanceId === undefined ? {} : { loaded: { instance } }) };
}
