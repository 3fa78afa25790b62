import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Hono } from "hono";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import type { ApiEnv } from "./engine/env.ts";
import { isStreamPath } from "./engine/stream-path.ts";
import { plainEvent } from "./lambda.ts";

/** The status and the headers of a response. */
export interface ResponseHead {
  statusCode: number;
  headers: Record<string, string>;
}

/** Responds to an event of payload format 2.0. `begin` sends the head of the response and returns the stream for its body. */
export type StreamHandler = (
  event: LambdaEvent,
  begin: (head: ResponseHead) => Writable,
  context: Pick<LambdaContext, "getRemainingTimeInMillis">,
) => Promise<void>;

/**
 * Writes the response of the app to a stream, as it becomes available. If the stream ends early, the response is cancelled,
 * which `streamHandle` of Hono does not do. Refuses all other requests, because a function that streams has a low limit of
 * concurrent requests.
 */
export async function streamResponse(app: Hono<ApiEnv>, ...[event, begin, context]: Parameters<StreamHandler>) {
  const plain = plainEvent(event);
  const { requestContext } = plain;
  if (!("rawPath" in plain) || !("http" in requestContext)) throw new Error("the event has another payload format");
  const query = plain.rawQueryString === "" ? "" : `?${plain.rawQueryString}`;
  const headers = new Headers(
    Object.entries(plain.headers).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  const { method } = requestContext.http;
  const request = new Request(`https://localhost${plain.rawPath}${query}`, { method, headers });
  const streaming = { remainingMs: context.getRemainingTimeInMillis() };
  const response = isStreamPath(plain.rawPath)
    ? await app.fetch(request, { requestContext, streaming })
    : Response.json({ message: "Not Found" }, { status: 404 });
  const target = begin({ statusCode: response.status, headers: Object.fromEntries(response.headers) });
  if (method !== "HEAD" && response.body) return await pipeline(Readable.fromWeb(response.body), target);
  await response.body?.cancel();
  target.end();
}
