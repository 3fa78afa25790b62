import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import type { LambdaEvent } from "hono/aws-lambda";
import type { Caller } from "../../../core/caller.ts";
import type { Logger } from "../../../core/log.ts";
import type { RateCount } from "../../../core/rate-limit/index.ts";
import type { Streaming } from "./context.ts";

/** The bindings and variables of a request in Hono. */
export interface ApiEnv {
  Bindings: { requestContext?: LambdaEvent["requestContext"]; streaming?: Streaming };
  Variables: {
    requestId: string;
    log: Logger;
    /** The path pattern that matched, for the log. */
    route: string;
    userId: string | undefined;
    /** Set once the credentials are known to be valid. */
    caller: Caller | undefined;
    /** Set if the dialect is rate limited. */
    rate: RateCount | undefined;
    errorCode: string | undefined;
    /** The client's IP address; undefined if it is not known. */
    ip: string | undefined;
    /** Whether a header names an address for the client that does not count, because its sender is not a trusted proxy. */
    addressIgnored: boolean;
  };
}

/** Returns the IP address of the connection, as API Gateway saw it. */
export function peerAddress(c: Context<ApiEnv>): string | undefined {
  const context = c.env?.requestContext;
  if (!context) return undefined;
  if ("http" in context) return context.http.sourceIp;
  return "identity" in context && context.identity && "sourceIp" in context.identity
    ? String(context.identity.sourceIp)
    : undefined;
}

/** The caller's `x-request-id` if it is a short plain token, else API Gateway's, else a new one. */
export function requestIdOf(c: Context<ApiEnv>): string {
  const header = c.req.header("x-request-id");
  if (header && /^[A-Za-z0-9._-]{1,64}$/.test(header)) return header;
  const context = c.env?.requestContext;
  return context && "requestId" in context && context.requestId ? context.requestId : randomUUID();
}
