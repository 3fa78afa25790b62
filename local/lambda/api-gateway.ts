import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2, Context } from "aws-lambda";
import { eventOf, isWellFormed } from "./api-gateway-event.ts";
import { type HttpResponse, refusal, responseOf } from "./api-gateway-response.ts";
import { lambdaContext, TimeoutError, withinTime } from "./context.ts";

export type ApiHandler = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyResultV2>;

/** A handler with a framework's own types for the same event, such as Hono's `handle(app)`. */
type FrameworkHandler = (event: never, context: never) => Promise<APIGatewayProxyResultV2>;

export type ApiGatewayOptions = {
  handler: ApiHandler | FrameworkHandler;
  /** 0 means any free port. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 30 s, the limit of HTTP APIs. */
  timeoutMs?: number;
  functionName?: string;
  /** Whether to add `X-Forwarded-*` headers, as AWS does. Default true. */
  addForwarded?: boolean;
  /** Serves a request without the handler and its limits, and returns true; returns false for all other requests. */
  direct?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Called with the cause of each 500 and 503. Default: console.error. */
  onError?: (error: unknown, event: APIGatewayProxyEventV2) => void;
};

export type ApiGateway = {
  url: string;
  port: number;
  /** Refuses new requests and finishes the current ones. */
  stop(): Promise<void>;
};

/** Limits in bytes: of a body by HTTP APIs, and of an event by Lambda. AWS responds with 413 above either. */
const maxBodyBytes = 10 * 1024 * 1024;
const maxPayloadBytes = 6 * 1024 * 1024;

/** Time for a whole request in milliseconds: an upload of 100 MiB over a slow line. Node.js allows 5 minutes by default. */
const requestTimeout = 60 * 60_000;

/**
 * Serves a Lambda handler over HTTP like an API Gateway HTTP API with payload format 2.0. Unlike on AWS, all requests share
 * one process, and a handler continues after its timeout.
 */
export async function startApiGateway(options: ApiGatewayOptions): Promise<ApiGateway> {
  const handler = options.handler as ApiHandler;
  const host = options.host ?? "127.0.0.1";
  const timeoutMs = options.timeoutMs ?? 30_000;
  const functionName = options.functionName ?? "api";
  const addForwarded = options.addForwarded ?? true;
  const onError = options.onError ?? ((error) => console.error(error));

  const invoke = async (event: APIGatewayProxyEventV2): Promise<HttpResponse> => {
    if (Buffer.byteLength(event.body ?? "") > maxPayloadBytes) return refusal(413, "Request Entity Too Large");
    const context = lambdaContext(functionName, timeoutMs);
    try {
      return responseOf(await withinTime(handler(event, context), timeoutMs));
    } catch (error) {
      onError(error, event);
      return error instanceof TimeoutError
        ? refusal(503, "Service Unavailable")
        : refusal(500, "Internal Server Error");
    }
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!isWellFormed(request)) return write(request, response, refusal(400, "Bad Request"));
    const body = await readBody(request);
    if (body === "too large") return write(request, response, refusal(413, "Request Entity Too Large"));
    const event = eventOf(request, body, addForwarded);
    const result = await invoke(event);
    result.headers["apigw-requestid"] = event.requestContext.requestId;
    write(request, response, result);
  };

  // Keeps idle connections longer than clients do, so that the clients close them first.
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout, noDelay: true }, (request, response) => {
    if (options.direct?.(request, response)) return;
    serve(request, response).catch((error: unknown) => {
      // A client that disconnects during its request is not an error.
      if (!request.destroyed) console.error(error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), timeoutMs + 1000);
      await closed;
      clearTimeout(force);
    },
  };

  function write(request: IncomingMessage, response: ServerResponse, result: HttpResponse): void {
    if (response.destroyed) return;
    if (!server.listening) response.shouldKeepAlive = false;
    response.statusCode = result.statusCode;
    for (const [name, value] of Object.entries(result.headers)) response.setHeader(name, value);
    const hasBody = result.statusCode !== 204 && result.statusCode !== 304;
    if (hasBody) response.setHeader("content-length", Buffer.byteLength(result.body));
    response.end(hasBody && request.method !== "HEAD" ? result.body : undefined);
  }
}

/**
 * Reads the body. If the body is too large, also reads it to its end but drops it, so that a client that is still
 * sending gets the response instead of a reset connection. Above ten times the limit, closes the connection.
 */
function readBody(request: IncomingMessage): Promise<Buffer | "too large"> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | "too large">();
  let chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
    else chunks = [];
    if (size > 10 * maxBodyBytes) request.destroy();
  });
  request.once("end", () => {
    if (size > maxBodyBytes) resolve("too large");
    else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
  });
  request.once("error", reject);
  request.once("close", () => {
    if (!request.complete) reject(new Error("the connection was closed before the end of the request"));
  });
  return promise;
}
