import { validateHeaderName, validateHeaderValue } from "node:http";
import type { APIGatewayProxyResultV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

/** An HTTP answer. Header names are in lower case. */
export type Answer = { statusCode: number; headers: Record<string, string | string[]>; body: Buffer };

/** Lambda's limit for the result of a handler. */
const maxPayloadBytes = 6 * 1024 * 1024 + 100;

/** Headers about the connection, which API Gateway sets itself. */
const ofTheConnection = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"]);

/** Returns an answer that comes from API Gateway itself. */
export function refusal(statusCode: number, message: string): Answer {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ message })),
  };
}

/**
 * Converts the result of a handler: a structured result, or any other value as JSON with status 200. Throws if the status or
 * a header is invalid or the body is too large. AWS answers 500 in these cases.
 */
export function answerOf(result: APIGatewayProxyResultV2): Answer {
  if (!isStructured(result)) {
    return { statusCode: 200, headers: { "content-type": "application/json" }, body: bodyOf(JSON.stringify(result)) };
  }
  const statusCode = Number(result.statusCode);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    throw new Error(`The handler returned the invalid status ${JSON.stringify(result.statusCode)}.`);
  }
  const headers: Answer["headers"] = {};
  for (const [name, value] of Object.entries(result.headers ?? {})) {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    if (!ofTheConnection.has(name.toLowerCase())) headers[name.toLowerCase()] = String(value);
  }
  for (const cookie of result.cookies ?? []) validateHeaderValue("set-cookie", cookie);
  if (result.cookies?.length) headers["set-cookie"] = result.cookies;
  headers["content-type"] ??= "text/plain; charset=utf-8";
  return { statusCode, headers, body: bodyOf(result.body ?? "", result.isBase64Encoded) };
}

function isStructured(result: unknown): result is APIGatewayProxyStructuredResultV2 {
  return typeof result === "object" && result !== null && "statusCode" in result;
}

function bodyOf(text: string | undefined, isBase64Encoded = false): Buffer {
  if (text === undefined) return Buffer.alloc(0);
  if (Buffer.byteLength(text) > maxPayloadBytes) {
    throw new Error(`Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`);
  }
  return Buffer.from(text, isBase64Encoded ? "base64" : "utf8");
}
