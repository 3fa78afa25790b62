import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

type Keyed = (algorithm: string, key: unknown, ...rest: unknown[]) => unknown;

/**
 * Gives bare-buffer keys of HMAC and AES to Node as KeyObjects, for the whole process. Node 24 (24.21 at least) tells
 * a buffer from a KeyObject by a failing property access, which costs some 70 µs per operation against 5 for making
 * a KeyObject; libsignal does about ten such operations per message and only ever passes buffers. Idempotent.
 */
export function wrapBufferKeys(): void {
  const target = crypto as unknown as Record<string, Keyed & { wraps?: true }>;
  for (const name of ["createHmac", "createCipheriv", "createDecipheriv"]) {
    const original = target[name];
    if (!original || original.wraps) continue;
    const wrapped: Keyed = (algorithm, key, ...rest) =>
      original(algorithm, key instanceof Uint8Array ? crypto.createSecretKey(key) : key, ...rest);
    target[name] = Object.assign(wrapped, { wraps: true as const });
  }
  syncBuiltinESMExports();
}
