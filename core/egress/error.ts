import { AppError } from "../error.ts";

/**
 * `timeout`: the exchange took longer than its time limit. `connect`: no name, no route, or no listener. `tls`: the
 * server's certificate is not trusted, or TLS failed otherwise. `too_large`: more bytes than allowed. `redirect`: too
 * many redirects, or an invalid redirect. `http`: the response is not HTTP, or it ended early.
 */
export type EgressFailure = "timeout" | "connect" | "tls" | "too_large" | "redirect" | "http";

/** A request to a caller's URL failed for a reason other than the policy. The message may be shown to the caller. */
export class EgressError extends Error {
  override readonly name = "EgressError";
  readonly kind: EgressFailure;

  constructor(kind: EgressFailure, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

const unreachable = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** Codes of OpenSSL's certificate checks (X509_V_ERR_*) and of Node.js. */
const untrusted = /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Converts a failure of Node.js or OpenSSL to an `EgressError`. Our own errors are returned unchanged. */
export function asEgressError(error: unknown): Error {
  if (error instanceof EgressError || (error instanceof Error && error.name === "AppError")) return error;
  const code = codeOf(error);
  if (code === "ETIMEDOUT") return new EgressError("timeout", "the server did not respond in time", { cause: error });
  if (unreachable.has(code)) return new EgressError("connect", `no connection: ${code}`, { cause: error });
  if (untrusted.test(code)) return new EgressError("tls", `no trusted TLS connection: ${code}`, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new EgressError("http", `the exchange failed: ${reason}`, { cause: error });
}

/**
 * A proxy can't be reached or refuses a connection. The message contains no credentials, and no address to which a name
 * resolves. It may be shown to the caller.
 */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
}

const proxyFailures: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at its address and port",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
  ETIMEDOUT: "it did not respond in time",
  HPE_HEADER_OVERFLOW: "its response is too large",
};

/**
 * Converts a failed connection through a proxy to a `ProxyError`. Messages of Node.js are not used, because they contain
 * addresses and ports.
 */
export function proxyErrorOf(error: unknown): ProxyError {
  return new ProxyError(`no connection through the proxy: ${proxyFailure(error)}`, { cause: error });
}

function proxyFailure(error: unknown): string {
  if (error instanceof ProxyError || error instanceof EgressError || error instanceof AppError) return error.message;
  const code = codeOf(error);
  const known = proxyFailures[code];
  if (known !== undefined) return known;
  if (unreachable.has(code)) return "it can't be reached";
  if (untrusted.test(code)) return "its TLS certificate is not trusted, or it doesn't use TLS";
  if (code.startsWith("HPE_")) return "its response is not HTTP";
  return "the exchange with it failed";
}

/** Returns the code of an error. If all addresses of a name have failed, returns the code of the first failure. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
