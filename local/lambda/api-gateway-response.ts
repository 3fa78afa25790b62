import { validateHeaderName, validateHeaderValue } from "node:http";
import type { APIGatewayProxyResultV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

/** An HTTP response. Header names are in lower case. Node.js sends a body of text together with the head. */
export type HttpResponse = { statusCode: number; headers: Record<string, string | string[]>; body: Buffer | string };

/** Lambda's limit for the result of a handler. */
const maxPayloadBytes = 6 * 1024 * 1024 + 100;

/** Headers of the connection, which API Gateway sets itself. */
const connectionHeaders = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"]);

/** Returns an error response in the format of API Gateway itself. */
export function refusal(statusCode: number, message: string): HttpResponse {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  };
}

/**
 * Converts the result of a handler to an HTTP response. A result without `statusCode` becomes JSON with status 200. Throws if
 * the status or a header is invalid, or the body is too large. AWS responds with 500 in these cases.
 */
export function responseOf(result: APIGatewayProxyResultV2): HttpResponse {
  if (!isStructured(result)) {
    return { statusCode: 200, headers: { "content-type": "application/json" }, body: bodyOf(JSON.stringify(result)) };
  }
  const statusCode = Number(result.statusCode);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    throw new Error(`The handler returned the invalid status ${JSON.stringify(result.statusCode)}.`);
  }
  const headers: HttpResponse["headers"] = {};
  for (const [name, value] of Object.entries(result.headers ?? {})) {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    if (!connectionHeaders.has(name.toLowerCase())) headers[name.toLowerCase()] = String(value);
  }
  for (const cookie of result.cookies ?? []) validateHeaderValue("set-cookie", cookie);
  if (result.cookies?.length) headers["set-cookie"] = result.cookies;
  headers["content-type"] ??= "text/plain; charset=utf-8";
  return { statusCode, headers, body: bodyOf(result.body ?? "", result.isBase64Encoded) };
}

function isStructured(result: unknown): result is APIGatewayProxyStructuredResultV2 {
  return typeof result === "object" && result !== null && "statusCode" in result;
}

function bodyOf(text = "", isBase64Encoded = false): Buffer | string {
  if (Buffer.byteLength(text) > maxPayloadBytes) {
    throw new Error(`Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`);
  }
  return isBase64Encoded ? Buffer.from(text, "base64") : text;
}
