import pino from "pino";
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
    redact: {
      paths: secretPaths.flatMap((path) => [path, `*.${path}`, `*.*.${path}`].map(bracketed)),
      censor: "[redacted]",
    },
    ...defined({ transport: pretty ? { target: "pino-pretty", options: { ignore: "pid,hostname" } } : undefined }),
  });
}

/** Puts a name with a hyphen in brackets, as Pino requires. */
function bracketed(path: string): string {
  return path.replace(/\.?([a-z]+(?:-[a-z]+)+)$/i, '["$1"]');
}
