import type * as z from "zod";
import { isUnsent } from "../../../core/db/answer.ts";
import { AppError, errorCodes } from "../../../core/error.ts";
import { defined } from "../../../core/object.ts";
import type { gatewayError, problem } from "../shape/error.ts";

export function toProblem(error: AppError, path: string): z.input<typeof problem> {
  const { title, status } = errorCodes[error.code];
  // In RFC 9457, `status` is the HTTP status, so the field for the instance's status needs another name.
  const { status: instanceStatus, ...data } = error.data ?? {};
  return {
    ...data,
    ...defined({ instanceStatus: instanceStatus === undefined ? undefined : String(instanceStatus) }),
    type: `urn:switchboard:error:${error.code}`,
    title,
    status,
    detail: error.details ?? title,
    instance: path,
    code: error.code,
  };
}

export function toGatewayError(error: AppError): z.input<typeof gatewayError> {
  const { title } = errorCodes[error.code];
  return { ...error.data, success: false, error: title, details: error.details ?? title, code: error.code };
}

/**
 * SQLSTATEs with which Postgres refuses a connection (too many, starting up, shutting down), or cancels a statement that is
 * slow or waits too long for a lock.
 */
const refusalStates = new Set(["53300", "57P01", "57P02", "57P03", "57014", "55P03"]);

/**
 * Returns the error for the caller. Unknown errors become `internal`, and their cause appears only in the log. If the connection
 * broke, the statement may have run, so only reads become `unavailable`.
 */
export function asAppError(error: unknown, method: string): AppError {
  if (error instanceof AppError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const errorCode = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const brokenRead = errorCode.startsWith("CONNECTION_") && (method === "GET" || method === "HEAD");
  if (isUnsent(cause) || refusalStates.has(errorCode) || brokenRead) {
    return new AppError("unavailable", "the database is not available", { cause: error });
  }
  return new AppError("internal", undefined, { cause: error });
}

const ignoredAddress =
  "the address in X-Forwarded-For or Forwarded does not count, because its sender is not in TRUSTED_PROXIES";

/** Adds to an error that is about the client's address why an address in a header does not count. */
export function withIgnoredAddress(error: AppError): AppError {
  if (error.code !== "ip_not_allowed" && error.code !== "rate_limited") return error;
  const details = [error.details, ignoredAddress].filter(Boolean).join("; ");
  return new AppError(error.code, details, { cause: error, ...defined({ data: error.data }) });
}
