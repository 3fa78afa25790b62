import pino from "pino";

export type Logger = pino.Logger;

/** Names under which secrets travel in our own objects; whatever stands there is never written to a log. */
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
 * One JSON line per event on standard output; made pretty when a person watches a terminal.
 * Level from `LOG_LEVEL` (default `info`).
 */
export function createLogger(name: string, level = process.env.LOG_LEVEL ?? "info"): Logger {
  const pretty = process.stdout.isTTY && process.env.NODE_ENV !== "production";
  return pino({
    name,
    level,
    redact: {
      paths: secretPaths.flatMap((path) => [path, `*.${path}`, `*.*.${path}`].map(quoted)),
      censor: "[redacted]",
    },
    ...(pretty ? { transport: { target: "pino-pretty", options: { ignore: "pid,hostname" } } } : {}),
  });
}

/** Pino wants names with a hyphen in brackets. */
function quoted(path: string): string {
  return path.replace(/\.?([a-z]+(?:-[a-z]+)+)$/i, '["$1"]');
}
