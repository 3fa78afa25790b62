import { createHash } from "node:crypto";
import type { startFauxqs } from "fauxqs";
import { sqsType } from "./in-process.ts";
import { type Credentials, type Refusal, refusalOf } from "./sigv4.ts";

type Configure = NonNullable<NonNullable<Parameters<typeof startFauxqs>[0]>["configure"]>;
type App = Parameters<Configure>[0];

/** A browser must neither guess the type of a file nor run what is in it. */
const fileHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
};

class Forbidden extends Error {
  readonly statusCode = 403;
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Returns a plugin for the local SQS and S3 (fauxqs) that rejects unsigned requests and responds to CORS requests for presigned
 * URLs. Without it, all users of this machine, and all web pages that they open, could read all media.
 */
export function guard(credentials: Credentials): (app: App) => void {
  return (app) => {
    const accepted = new WeakSet<object>();
    const check = (request: Parameters<typeof asSigned>[0] & object, bodyHash?: string) => {
      const refusal = refusalOf(asSigned(request), credentials, Date.now(), bodyHash);
      if (refusal) throw new Forbidden(refusal);
      accepted.add(request);
    };

    app.addHook("onRequest", async (request, reply) => {
      const toS3 = request.originalUrl.split("?")[0] !== "/";
      if (toS3) reply.headers(fileHeaders);
      if (toS3 && request.headers.origin !== undefined) {
        reply.header("access-control-allow-origin", "*");
        reply.header("access-control-expose-headers", "ETag, Content-Length, Content-Range, Content-Disposition");
      }
      if (toS3 && isPreflight(request)) {
        reply.header("access-control-allow-methods", "GET, HEAD, PUT");
        reply.header("access-control-allow-headers", request.headers["access-control-request-headers"] ?? "*");
        reply.header("access-control-max-age", "3000");
        return reply.code(204).send();
      }
      if (!isSqs(request)) check(request);
    });

    // The signature of an SQS request covers the hash of its body, so the parser checks it.
    app.removeContentTypeParser(sqsType);
    app.addContentTypeParser(sqsType, { parseAs: "string" }, (request, body, done) => {
      try {
        check(request, createHash("sha256").update(body).digest("hex"));
        done(null, JSON.parse(String(body)));
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    });

    // The parser does not run for a request without a body.
    app.addHook("preHandler", async (request) => {
      if (!accepted.has(request)) throw new Forbidden({ code: "AccessDenied", message: "The request is not signed." });
    });

    app.setErrorHandler((error, request, reply) => {
      const failure = error instanceof Error ? error : new Error(String(error));
      const status = "statusCode" in failure ? Number(failure.statusCode) : 500;
      const code =
        failure instanceof Forbidden ? failure.refusal.code : status === 413 ? "EntityTooLarge" : "InternalError";
      reply.code(status);
      if (isSqs(request))
        return reply.type(sqsType).send({ __type: `com.amazonaws.sqs#${code}`, message: failure.message });
      return reply.type("application/xml").send(errorXml(code, failure.message));
    });
  };
}

type Headers = Record<string, string | string[] | undefined>;

const isSqs = (request: { headers: Headers }) => String(request.headers["content-type"] ?? "").includes(sqsType);

const isPreflight = (request: { method: string; headers: Headers }) =>
  request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;

const asSigned = (request: { method: string; originalUrl: string; headers: Headers }) => ({
  method: request.method,
  url: request.originalUrl,
  headers: request.headers,
});

const errorXml = (code: string, message: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`;

const escapeXml = (text: string) =>
  text.replace(/[<>&]/g, (char) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[char] ?? char);
