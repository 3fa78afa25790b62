import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

type Keyed = (algorithm: string, key: unknown, ...rest: unknown[]) => unknown;

/**
 * Passes the raw buffer keys of HMAC and AES to Node.js as KeyObjects, in the whole process. Node.js 24
 * (measured with 24.21) takes about 70 µs per operation to tell a buffer from a KeyObject, by a property access that
 * throws. Creating a KeyObject takes 5 µs. libsignal performs about ten such operations per message and always passes buffers.
 * Idempotent.
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
