import type { Readable } from "node:stream";
import { type Egress, EgressError } from "../../egress/index.ts";
import { AppError } from "../../error.ts";
import type { Signing } from "./endpoint.ts";
import { signatureHeaders } from "./sign.ts";

/** For one try, connection and answer together. Standard Webhooks asks for 15 to 30 s. */
export const attemptTimeoutMs = 15_000;
/** Once the status is there it decides; the body is only for the log, and is not waited for longer than this. */
const bodyPatienceMs = 1_000;
const keptCharacters = 1_024;
const maxBytesPerCharacter = 4;

/** How one try went. */
export interface Attempt {
  succeeded: boolean;
  /** HTTP status, or null when there was no answer. */
  status: number | null;
  error: string | null;
  /** The beginning of the answer, at most 1,024 characters. */
  response: string | null;
  durationMs: number;
}

/**
 * Posts one delivery once. Only a 2xx succeeds: a redirect is a failure, or a stolen domain could lead events elsewhere.
 * Whatever goes wrong at the other end, or is refused by the egress guard, is an answer, not an exception.
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
    const answer = await egress.fetch(endpoint.url, {
      method: "POST",
      headers: {
        ...customHeaders(endpoint.headers),
        "content-type": "application/json",
        "user-agent": "Switchboard-Webhook/1",
        ...(delivery.correlationId ? { "x-correlation-id": delivery.correlationId } : {}),
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
    const response = await beginning(answer.body);
    const succeeded = answer.status >= 200 && answer.status < 300;
    const error = succeeded ? null : `the endpoint answered ${answer.status}`;
    return { succeeded, status: answer.status, error, response, durationMs: elapsed() };
  } catch (error) {
    return { succeeded: false, status: null, error: reasonOf(error), response: null, durationMs: elapsed() };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof EgressError) return `${error.kind}: ${error.message}`;
  if (error instanceof AppError) return `${error.code}: ${error.message}`;
  throw error;
}

/** However the body ends, complete, broken off or too slow: what came until then is kept, and the status has decided. */
async function beginning(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => body.destroy(), bodyPatienceMs);
  body.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => body.once("close", resolve));
  clearTimeout(timer);
  return Buffer.concat(chunks).toString("utf8").slice(0, keptCharacters);
}

/** Headers of the connection or of ours: a caller's own headers do not get to say these. */
const reserved =
  /^(host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|accept-encoding|user-agent|x-webhook-signature(-previous)?|x-correlation-id|webhook-(id|timestamp|signature))$/i;

/**
 * Checks the headers that a caller wants to have sent along. Throws `invalid_request` for a name that is not a token
 * (RFC 9110, section 5.6.2) or is reserved, and a value that is not visible ASCII.
 */
export function checkHeaders(headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name) || reserved.test(name)) {
      throw new AppError("invalid_request", `the webhook header ${JSON.stringify(name)} cannot be set`);
    }
    if (!/^[\t\x20-\x7e]{0,4096}$/.test(value)) {
      throw new AppError("invalid_request", `the value of the webhook header ${name} is not visible ASCII`);
    }
  }
}

function customHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !reserved.test(name)));
}
