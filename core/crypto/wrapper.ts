import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Config, ConfigError } from "../config.ts";
import { once } from "../once.ts";
import type { KeyWrapper } from "./index.ts";

/**
 * Returns the wrapper for `KMS_KEY_ID` if that is set, otherwise for the file `MASTER_KEY_FILE` (32 bytes, mode 0600).
 * Throws `ConfigError`.
 */
export async function createKeyWrapper(config: Config): Promise<KeyWrapper> {
  if (config.KMS_KEY_ID) return kms(config.KMS_KEY_ID, config.AWS_REGION);
  if (config.MASTER_KEY_FILE) return localWrapper(await readFile(config.MASTER_KEY_FILE));
  throw new ConfigError("KMS_KEY_ID or MASTER_KEY_FILE: one must be set");
}

/** Wraps data keys with AES-256-GCM under `masterKey` (32 bytes). */
export function localWrapper(masterKey: Buffer): KeyWrapper {
  if (masterKey.length !== 32) throw new ConfigError("MASTER_KEY_FILE: must contain 32 bytes");
  return {
    name: "local",
    async wrap(dataKey) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", masterKey, nonce);
      return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    },
    async unwrap(wrapped) {
      const decipher = createDecipheriv("aes-256-gcm", masterKey, wrapped.subarray(0, 12));
      decipher.setAuthTag(wrapped.subarray(-16));
      return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
    },
  };
}

/** Loads the AWS SDK on first use. */
function kms(keyId: string, region: string): KeyWrapper {
  const open = once(async () => (await import("./kms.ts")).kmsWrapper(keyId, region));
  return {
    name: keyId,
    wrap: async (dataKey) => (await open()).wrap(dataKey),
    unwrap: async (wrapped) => (await open()).unwrap(wrapped),
  };
}
