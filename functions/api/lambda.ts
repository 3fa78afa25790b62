import type { Hono } from "hono";
import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import type { ApiEnv } from "./engine/env.ts";

/** Returns a handler for events of an API Gateway HTTP API, payload format 2.0. */
export function lambdaHandler(app: Hono<ApiEnv>) {
  const handler = handle(app);
  return <Event extends LambdaEvent>(event: Event, context?: LambdaContext) => handler(plainEvent(event), context);
}

/** Methods that the Fetch Standard forbids. A `Request` can't have them: https://fetch.spec.whatwg.org/#forbidden-method */
const forbiddenMethod = /^(?:CONNECT|TRACE|TRACK)$/i;

/**
 * Returns the event in a form that Hono turns into exactly this request. Hono makes a URL from the host, the path and
 * the query. The `Host` header could otherwise end the host and begin the path, and the URL parser would drop dot
 * segments and a fragment. Hono also can't create a `Request` with a forbidden method, or a GET request with a body.
 */
export function plainEvent<Event extends LambdaEvent>(event: Event): Event {
  if (!("rawPath" in event) || !("http" in event.requestContext)) return event;
  const { http } = event.requestContext;
  const method = forbiddenMethod.test(http.method) ? "FORBIDDEN" : http.method;
  const hasBody = !/^(?:GET|HEAD)$/i.test(method);
  return {
    ...event,
    body: hasBody ? event.body : null,
    rawPath: urlPath(event.rawPath),
    rawQueryString: event.rawQueryString.replaceAll("#", "%23"),
    requestContext: { ...event.requestContext, domainName: "localhost", http: { ...http, method } },
  };
}

/** Returns the decoded path in a form that the URL parser does not change: https://url.spec.whatwg.org/#path-state */
function urlPath(path: string): string {
  const encoded = path
    .replaceAll(/[?#\\\p{Cc}]/gu, (character) => encodeURIComponent(character))
    .split("/")
    .map((segment) => (/^(?:\.|%2e){1,2}$/i.test(segment) ? segment.replaceAll(/\.|%2e/gi, "%252e") : segment))
    .join("/");
  return encoded.startsWith("/") ? encoded : `/${encoded}`;
}
