import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { defined } from "../../core/object.ts";
import { accountId } from "./context.ts";

/** Whether the percent-encoding of the path is valid. API Gateway responds with 400 to an invalid path. */
export function isWellFormed(request: IncomingMessage): boolean {
  try {
    decodeURIComponent(pathAndQuery(request)[0]);
    return true;
  } catch {
    // decodeURIComponent throws only for invalid percent-encoding.
    return false;
  }
}

/**
 * Converts a request to an event in payload format 2.0, as an HTTP API does.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * Without `addForwarded`, the event has only the `X-Forwarded-*` headers that the client sent.
 */
export function eventOf(request: IncomingMessage, body: Buffer, addForwarded: boolean): APIGatewayProxyEventV2 {
  const [path, rawQueryString] = pathAndQuery(request);
  // Unlike REST APIs and function URLs, HTTP APIs decode the path and drop everything after a decoded "?".
  const rawPath = decodeURIComponent(path).split("?")[0] || "/";
  const now = new Date();
  const sourceIp = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const headers = headersOf(request);
  if (addForwarded) Object.assign(headers, forwardedHeaders(request, headers, sourceIp));
  const cookies = request.headers.cookie?.split(/; */).filter((cookie) => cookie !== "");
  const isBase64Encoded = body.length > 0 && !isText(request.headers);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...defined({ cookies: cookies?.length ? cookies : undefined, queryStringParameters: queryOf(rawQueryString) }),
    headers,
    requestContext: {
      accountId,
      apiId: "local",
      domainName: headers.host ?? "localhost",
      domainPrefix: headers.host?.split(".")[0] ?? "localhost",
      http: {
        method: request.method ?? "GET",
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: clfTime(now),
      timeEpoch: now.getTime(),
    },
    ...defined({ body: body.length > 0 ? body.toString(isBase64Encoded ? "base64" : "utf8") : undefined }),
    isBase64Encoded,
  };
}

function pathAndQuery(request: IncomingMessage): [path: string, query: string] {
  // A target can be a whole URL, as for a proxy (RFC 9112, 3.2.2). `*` is the target of OPTIONS for the server.
  const url = (request.url ?? "/").replace(/^https?:\/\/[^/?#]*/i, "").replace(/^(?!\/)/, "/");
  const at = url.indexOf("?");
  return at === -1 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}

/** Returns the headers with lower-case names. Joins repeated values with commas. Omits cookies, which have their own field. */
function headersOf({ rawHeaders }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? "";
    if (name === "cookie") continue;
    const value = rawHeaders[at + 1] ?? "";
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value;
  }
  return headers;
}

/**
 * Returns the headers that API Gateway adds or replaces. Unlike API Gateway, this server has no TLS, so it keeps the scheme that
 * a reverse proxy names. The API believes only proxies in `TRUSTED_PROXIES`.
 */
function forwardedHeaders(
  request: IncomingMessage,
  { "x-forwarded-for": given, "x-forwarded-proto": scheme = "http" }: Record<string, string>,
  sourceIp: string,
): Record<string, string> {
  return {
    "x-forwarded-for": given ? `${given}, ${sourceIp}` : sourceIp,
    "x-forwarded-port": String(request.socket.localPort ?? ""),
    "x-forwarded-proto": scheme,
  };
}

function queryOf(raw: string): Record<string, string> | undefined {
  if (raw === "") return undefined;
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    query[name] = name in query ? `${query[name]},${value}` : value;
  }
  return query;
}

const textTypes = /^(text\/|application\/(json|xml|javascript)\b)/i;

/** Whether a body is passed on as text. All other bodies are base64, including forms and compressed ones. */
function isText(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"] ?? "identity";
  return encoding === "identity" && textTypes.test(headers["content-type"] ?? "");
}

let lastTime = { second: 0, text: "" };

/** Formats a time in the Common Log Format: 12/Mar/2020:19:03:58 +0000. */
function clfTime(date: Date): string {
  const second = Math.floor(date.getTime() / 1000);
  if (second !== lastTime.second) {
    const [, day, month, year, time] = date.toUTCString().split(" ");
    lastTime = { second, text: `${day}/${month}/${year}:${time} +0000` };
  }
  return lastTime.text;
}
