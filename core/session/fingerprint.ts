import { createHash } from "node:crypto";

/**
 * Returns what `instances.device` has: SHA-256 of the device's public identity key of 32 bytes, hexadecimal. Unlike the
 * number and the id of a device, nobody can claim it without the private key.
 */
export const fingerprintOf = (identityKey: Buffer): string => createHash("sha256").update(identityKey).digest("hex");
