import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import { pipeline } from "node:stream";
import { type Config, required } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { bucketPath } from "../../core/storage/through-api.ts";

/** Headers of a request that reach the bucket. No others: with `Authorization` or `x-amz-*`, it could mean something else. */
const requestHeaders = [
  ...["content-type", "content-length", "content-disposition", "expect"],
  ...["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"],
  ...["origin", "access-control-request-method", "access-control-request-headers"],
];

/** Headers of a response that reach the caller. */
const responseHeaders =
  /^(?:content-(?:type|length|range|disposition|security-policy)|accept-ranges|etag|last-modified|x-content-type-options|access-control-[a-z-]+)$/;

const methods = new Set(["GET", "PUT", "OPTIONS"]);

export interface BucketProxy {
  /** Passes a presigned request on to the bucket, and returns true. Returns false for all other requests. */
  serve(request: IncomingMessage, response: ServerResponse): boolean;
  stop(): void;
}

/**
 * Passes requests below `bucketPath` on to `S3_ENDPOINT`, as streams. The bucket checks the signature in the URL, which covers
 * the method, the object, the expiry, the `Host` of the bucket and, for an upload, its size and type. So a signature that
 * allows a download allows nothing else. Requests with another kind of signature are not passed on.
 */
export function bucketProxy(config: Config, log: Logger): BucketProxy {
  const endpoint = new URL(required(config, "S3_ENDPOINT"));
  const isTls = endpoint.protocol === "https:";
  const agent = isTls ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  const send = isTls ? httpsRequest : httpRequest;
  return {
    serve(request, response) {
      const target = targetOf(request);
      if (target === undefined) return false;
      const headers: OutgoingHttpHeaders = { host: endpoint.host };
      for (const name of requestHeaders) if (request.headers[name] !== undefined) headers[name] = request.headers[name];
      const { hostname, port } = endpoint;
      const options = { agent, method: request.method, hostname: hostname.replace(/^\[|\]$/g, ""), port, path: target };
      const outgoing = send({ ...options, headers }, (incoming) => {
        const kept = Object.entries(incoming.headers).filter(([name]) => responseHeaders.test(name));
        // A refused upload may still be in transit, so the connection can't be used again.
        const refused = (incoming.statusCode ?? 500) >= 400 ? { connection: "close" } : {};
        response.writeHead(incoming.statusCode ?? 502, {
          ...Object.fromEntries(kept),
          ...refused,
          "cache-control": "private",
          "referrer-policy": "no-referrer",
        });
        pipeline(incoming, response, () => undefined);
      });
      // Has no effect after the response began: a bucket may refuse an upload before it has read it.
      outgoing.on("error", (error) => fail(response, error, log));
      response.on("close", () => outgoing.destroy());
      request.pipe(outgoing);
      return true;
    },
    stop: () => agent.destroy(),
  };
}

/** Returns the path and query of the object that a request names; undefined if the request is not presigned. */
function targetOf({ method = "", url = "" }: IncomingMessage): string | undefined {
  if (!methods.has(method) || !url.startsWith(`${bucketPath}/`)) return undefined;
  const target = url.slice(bucketPath.length);
  // A segment of dots could lead out of the bucket, or below another path of the server.
  const isPlain = !/(?:^|\/)(?:\.|%2e){1,2}(?:[/?]|$)|[\\#]/i.test(target) && !target.startsWith("//");
  return isPlain && /[?&]X-Amz-Signature=/.test(target) ? target : undefined;
}

function fail(response: ServerResponse, error: Error, log: Logger): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  log.error({ err: error }, "the bucket is not reachable");
  response.writeHead(503, { "content-type": "application/json", "retry-after": "5", connection: "close" });
  response.end(JSON.stringify({ code: "unavailable", message: "the storage of files is not reachable" }));
}
