import { validateHeaderName, validateHeaderValue } from "node:http";
import type { APIGatewayProxyResultV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

/** What goes over the wire. Header names in lower case. */
export type Answer = { statusCode: number; headers: Record<string, string | string[]>; body: Buffer };

/** Lambda's limit for what a handler returns. */
const maxPayloadBytes = 6 * 1024 * 1024 + 100;

/** Headers of one connection, which API Gateway sets itself. */
const ofTheConnection = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"]);

/** An answer of API Gateway itself. */
export function refusal(statusCode: number, message: string): Answer {
  return {
    statusCode,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ message })),
  };
}

/**
 * The answer to what a handler returned: a structured result, or anything else as JSON with status 200.
 * Throws when it cannot be sent (no valid status or header, too large); AWS answers 500 then.
 */
export function answerOf(result: APIGatewayProxyResultV2): Answer {
  if (!isStructured(result)) {
    return { statusCode: 200, headers: { "content-type": "application/json" }, body: bodyOf(JSON.stringify(result)) };
  }
  const statusCode = Number(result.statusCode);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    throw new Error(`The handler answered with the status ${JSON.stringify(result.statusCode)}.`);
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
