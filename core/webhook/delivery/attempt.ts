import type { Readable } from "node:stream";
import { type Egress, EgressError } from "../../egress/index.ts";
import { AppError } from "../../error.ts";
import { defined } from "../../object.ts";
import type { Signing } from "./endpoint.ts";
import { signatureHeaders } from "./sign.ts";

/**
 * Time limit for one attempt, connection and response together, unless the endpoint has another. Standard Webhooks
 * recommends 15 to 30 s.
 */
export const attemptTimeoutMs = 15_000;
/** Time limit for reading the response body. The status decides the result, and the body is only logged. */
const bodyTimeoutMs = 1_000;
const keptCharacters = 1_024;
const maxBytesPerCharacter = 4;

/** The result of one attempt. */
export interface Attempt {
  succeeded: boolean;
  /** HTTP status, or null without a response. */
  status: number | null;
  error: string | null;
  /** The beginning of the response body, at most 1,024 characters. */
  response: string | null;
  durationMs: number;
}

/**
 * Makes one attempt at a delivery. Only a 2xx status succeeds. A redirect fails, because following it would let a
 * stolen domain divert events. Failures of the receiver and refusals by the egress guard are returned, not thrown.
 */
export async function attempt(
  egress: Pick<Egress, "fetch">,
  endpoint: Signing & { url: string },
  delivery: { id: string; body: string; correlationId?: string | null | undefined },
  at: Date,
  timeoutMs = attemptTimeoutMs,
): Promise<Attempt> {
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  try {
    const received = await egress.fetch(endpoint.url, {
      method: "POST",
      headers: {
        ...customHeaders(endpoint.headers),
        "content-type": "application/json",
        "user-agent": "Switchboard-Webhook/1",
        ...defined({ "x-correlation-id": delivery.correlationId || undefined }),
        ...signatureHeaders({
          id: delivery.id,
          at,
          body: delivery.body,
          secret: endpoint.secret,
          previousSecret: endpoint.previous && at < endpoint.previous.until ? endpoint.previous.secret : undefined,
        }),
      },
      body: delivery.body,
      timeoutMs,
      maxBytes: keptCharacters * maxBytesPerCharacter,
      overflow: "cut",
    });
    const response = await readBeginning(received.body);
    const succeeded = received.status >= 200 && received.status < 300;
    const error = succeeded ? null : `the endpoint answered ${received.status}`;
    return { succeeded, status: received.status, error, response, durationMs: elapsed() };
  } catch (error) {
    return { succeeded: false, status: null, error: reasonOf(error), response: null, durationMs: elapsed() };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof EgressError) return `${error.kind}: ${error.message}`;
  if (error instanceof AppError) return `${error.code}: ${error.message}`;
  throw error;
}

/** Returns the part of the body that arrives before it ends, breaks off, or takes too long. */
async function readBeginning(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => body.destroy(), bodyTimeoutMs);
  body.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => body.once("close", resolve));
  clearTimeout(timer);
  return Buffer.concat(chunks).toString("utf8").slice(0, keptCharacters);
}

/** Headers that belong to the connection or to Switchboard. Callers can't set these headers. */
const reserved =
  /^(host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|accept-encoding|user-agent|x-webhook-signature(-previous)?|x-correlation-id|webhook-(id|timestamp|signature))$/i;

/**
 * Checks the headers that a caller wants to send with webhooks. Throws `invalid_request` for a name that is reserved or
 * is not a token (RFC 9110, section 5.6.2), and for a value that is not visible ASCII.
 */
export function checkHeaders(headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) || reserved.test(name)) {
      throw new AppError("invalid_request", `you can't set the webhook header ${JSON.stringify(name)}`);
    }
    if (!/^[\t\x20-\x7e]{0,4096}$/.test(value)) {
      throw new AppError("invalid_request", `the value of the webhook header ${name} must be visible ASCII`);
    }
  }
}

function customHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !reserved.test(name)));
}
