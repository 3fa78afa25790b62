import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import { pipeline } from "node:stream";
import { type Config, endpointCredentials, required } from "../../core/config.ts";
import type { ErrorCode } from "../../core/error.ts";
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
  /^(?:content-(?:type|length|range|disposition)|accept-ranges|etag|last-modified|access-control-[a-z-]+)$/;

/** Files come from strangers and have the origin of the API, so a browser must neither guess their type nor run them. */
const safetyHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cache-control": "private",
  "referrer-policy": "no-referrer",
};

const methods = new Set(["GET", "PUT", "OPTIONS"]);

export interface BucketProxy {
  /**
   * Passes a request that the gateway presigned on to its bucket, and returns true. Refuses requests for other buckets, and
   * those that were presigned with another access key. Returns false for requests that aren't presigned.
   */
  serve(request: IncomingMessage, response: ServerResponse): boolean;
  stop(): void;
}

/**
 * Passes requests below `bucketPath` on to `S3_ENDPOINT`, as streams. The bucket checks the signature in the URL, which covers
 * the method, the object, the expiry, the `Host` of the bucket and, for an upload, its size and type. So a signature that
 * allows a download allows nothing else. Requests with another kind of signature are not passed on. The S3 may have other
 * buckets and other users, whose files must not be served with the origin of the API.
 */
export function bucketProxy(config: Config, log: Logger): BucketProxy {
  const endpoint = new URL(required(config, "S3_ENDPOINT"));
  const isTls = endpoint.protocol === "https:";
  const agent = isTls ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  const send = isTls ? httpsRequest : httpRequest;
  const ownPath = `${endpoint.pathname.replace(/\/$/, "")}/${config.BUCKET}/`;
  const { accessKeyId } = endpointCredentials(config);
  return {
    serve(request, response) {
      const target = targetOf(request);
      if (target === undefined) return false;
      if (!target.startsWith(ownPath) || signerOf(target) !== accessKeyId) {
        refuse(response, 403, { code: "forbidden", message: "this link was not made by this gateway" });
        return true;
      }
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
          ...safetyHeaders,
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
  const isPlain = !/(?:^|\/|%2f)(?:\.|%2e){1,2}(?:[/?]|%2f|$)|[\\#]/i.test(target) && !target.startsWith("//");
  return isPlain && /[?&]X-Amz-Signature=/.test(target) ? target : undefined;
}

/** Returns the access key id of a presigned URL; undefined unless it has exactly one signature, of version 4. */
function signerOf(target: string): string | undefined {
  const query = new URLSearchParams(target.slice(target.indexOf("?")));
  const named = (pattern: RegExp) => [...query].filter(([name]) => pattern.test(name));
  const credentials = named(/^(?:x-amz-credential|awsaccesskeyid|googleaccessid|signature)$/i);
  const [name, credential = ""] = credentials[0] ?? [];
  if (credentials.length !== 1 || name !== "X-Amz-Credential") return undefined;
  // An access key id may contain slashes in some S3 services; the rest has four parts.
  return credential.split("/").slice(0, -4).join("/");
}

function fail(response: ServerResponse, error: Error, log: Logger): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  log.error({ err: error }, "the bucket is not reachable");
  refuse(
    response,
    503,
    { code: "unavailable", message: "the storage of files is not reachable" },
    { "retry-after": "5" },
  );
}

/** The body of the request may still be in transit, so the connection can't be used again. */
function refuse(
  response: ServerResponse,
  status: number,
  body: { code: ErrorCode; message: string },
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, {
    ...headers,
    ...safetyHeaders,
    "content-type": "application/json",
    connection: "close",
  });
  response.end(JSON.stringify(body));
}
