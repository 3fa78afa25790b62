import pino from "pino";
import { errorText, loggedError } from "./error-text.ts";
import { defined } from "./object.ts";

export type Logger = pino.Logger;

/**
 * Names of the properties of our own objects that contain secrets. The values of these properties are never logged.
 */
const secretPaths = [
  "password",
  "apiKey",
  "token",
  "secret",
  "webhookSecret",
  "authorization",
  "x-api-key",
  "qr",
  "qrCode",
  "pairingCode",
  "creds",
  "privateKey",
  "keyPair",
];

/**
 * Creates a logger that writes one JSON line per entry to standard output, or readable text to a terminal. The level
 * comes from `LOG_LEVEL` (default `info`).
 */
export function createLogger(name: string, level = process.env.LOG_LEVEL ?? "info"): Logger {
  const pretty = process.stdout.isTTY && process.env.NODE_ENV !== "production";
  return pino({
    name,
    level,
    serializers: { err: serialized, error: serialized },
    hooks: { logMethod: withErrorText },
    redact: {
      paths: secretPaths.flatMap((path) => [path, `*.${path}`, `*.*.${path}`].map(bracketed)),
      censor: "[redacted]",
    },
    ...defined({ transport: pretty ? { target: "pino-pretty", options: { ignore: "pid,hostname" } } : undefined }),
  });
}

/** For an entry without a message, Pino would use the message of the error. */
function withErrorText(this: Logger, args: Parameters<pino.LogFn>, method: pino.LogFn): void {
  const [first, ...rest] = args as unknown[];
  const error = first instanceof Error ? first : (first as { err?: unknown } | null | undefined)?.err;
  const fields = first instanceof Error ? { err: first } : first;
  const text = rest.length === 0 && error instanceof Error ? [errorText(error)] : rest;
  Reflect.apply(method, this, [fields, ...text]);
}

const serialized = (value: unknown) => (value instanceof Error ? loggedError(value) : value);

/** Puts a name with a hyphen in brackets, as Pino requires. */
function bracketed(path: string): string {
  const names = path.split(".");
  const last = names.pop() ?? "";
  return last.includes("-") ? `${names.join(".")}["${last}"]` : path;
}
