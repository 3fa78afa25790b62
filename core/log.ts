import pino from "pino";
import { errorText, loggedError } from "./error-text.ts";
import { defined } from "./object.ts";

export type Logger = pino.Logger;

/**
 * Names of the properties of our own objects that contain secrets. The values of these properties are never logged.
 */
const secretNames = [
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
] as const;
const secrets: ReadonlySet<string> = new Set(secretNames);
const censor = "[redacted]";

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
    // Pino's wildcards cost several times as much as the rest of a line. These names apply to the bindings of children.
    redact: { paths: secretNames.map((name) => `["${name}"]`), censor },
    formatters: { log: (fields) => withoutSecrets(fields) as Record<string, unknown> },
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

/** Objects that are nested more deeply are not logged. */
const maxDepth = 8;

/**
 * Returns the value with `[redacted]` in place of each secret, or the value itself if it contains none. `known` has the
 * results for the objects that were visited.
 */
function withoutSecrets(value: unknown, depth = 0, known = new Map<object, unknown>()): unknown {
  if (value instanceof Error) return loggedError(value);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (known.has(value)) return known.get(value);
  if (depth > maxDepth) return "[nested too deeply]";
  known.set(value, "[circular]");
  let copy: Record<string, unknown> | unknown[] | undefined;
  for (const [name, field] of Object.entries(value)) {
    const isSecret = secrets.has(name) && field !== undefined;
    const logged = isSecret ? censor : withoutSecrets(field, depth + 1, known);
    if (logged === field) continue;
    copy ??= Array.isArray(value) ? [...value] : { ...value };
    (copy as Record<string, unknown>)[name] = logged;
  }
  known.set(value, copy ?? value);
  return copy ?? value;
}
