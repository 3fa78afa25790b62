import { createPrivateKey, createPublicKey, verify } from "node:crypto";

/** The prime of the field over which Curve25519 is defined. */
const field = 2n ** 255n - 19n;
const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");
const x25519PrivatePrefix = Buffer.from("302e020100300506032b656e04220420", "hex");

function invert(value: bigint): bigint {
  let result = 1n;
  let base = value % field;
  for (let exponent = field - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % field;
    base = (base * base) % field;
  }
  return result;
}

/**
 * Verifies an XEdDSA signature of a Curve25519 key, as Signal makes it. `publicKey` has 32 bytes. The signature is an
 * Ed25519 signature of the same point, whose sign is in the highest bit.
 * https://signal.org/docs/specifications/xeddsa/
 */
export function verifySignature(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const u = BigInt(`0x${Buffer.from(publicKey).reverse().toString("hex")}`) & (2n ** 255n - 1n);
  if (u + 1n === field) return false;
  const y = ((u - 1n + field) * invert(u + 1n)) % field;
  const point = Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
  const sign = (signature[63] ?? 0) & 0x80;
  point[31] = (point[31] ?? 0) | sign;
  const plain = Buffer.from(signature);
  plain[63] = (plain[63] ?? 0) & 0x7f;
  try {
    const key = createPublicKey({ key: Buffer.concat([ed25519Prefix, point]), format: "der", type: "spki" });
    return verify(null, message, key, plain);
  } catch {
    return false;
  }
}

/** Returns the public key of a Curve25519 private key. Both have 32 bytes. */
export function publicKeyOf(privateKey: Buffer): Buffer {
  const key = createPrivateKey({
    key: Buffer.concat([x25519PrivatePrefix, privateKey]),
    format: "der",
    type: "pkcs8",
  });
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
}
