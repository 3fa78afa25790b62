import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  KeyObject,
  verify as nativeVerify,
  pbkdf2,
} from "node:crypto";
import { promisify } from "node:util";
import * as curve from "libsignal/src/curve.js";

/** A Curve25519 key pair. Both keys are the raw 32 bytes, without Signal's type byte. */
export type KeyPair = { public: Buffer; private: Buffer };

/**
 * A key for HMAC or AES. Node 24 spends about 70 µs per operation to check whether a buffer is a KeyObject. Creating
 * a KeyObject takes 5 µs.
 */
type SecretKey = Uint8Array | KeyObject;

export function secretKey(key: SecretKey): KeyObject {
  return key instanceof KeyObject ? key : createSecretKey(key);
}

const SIGNAL_KEY_TYPE = Buffer.from([5]);
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");
/** The prime of the field over which Curve25519 is defined. */
const FIELD = 2n ** 255n - 19n;

export function generateKeyPair(): KeyPair {
  const { pubKey, privKey } = curve.generateKeyPair();
  return { public: Buffer.from(pubKey.subarray(1)), private: Buffer.from(privKey) };
}

/** Adds the type byte 0x05 that Signal puts before a public key. Returns a 33-byte key unchanged. */
export function signalKey(publicKey: Uint8Array): Buffer {
  return publicKey.length === 33 ? Buffer.from(publicKey) : Buffer.concat([SIGNAL_KEY_TYPE, publicKey]);
}

/** Removes the type byte that `signalKey` adds. */
export function rawKey(publicKey: Uint8Array): Buffer {
  return Buffer.from(publicKey.length === 33 ? publicKey.subarray(1) : publicKey);
}

/** Returns the X25519 shared secret of a private key and the public key of another pair. */
export function sharedKey(privateKey: Uint8Array, publicKey: Uint8Array): Buffer {
  return Buffer.from(curve.calculateAgreement(signalKey(publicKey), Buffer.from(privateKey)));
}

/** Signs a message with a Curve25519 private key. Returns an XEdDSA signature of 64 bytes. */
export function sign(privateKey: Uint8Array, message: Uint8Array): Buffer {
  return Buffer.from(curve.calculateSignature(Buffer.from(privateKey), message));
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function invert(value: bigint): bigint {
  let result = 1n;
  let base = value % FIELD;
  for (let exponent = FIELD - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % FIELD;
    base = (base * base) % FIELD;
  }
  return result;
}

/**
 * Verifies an XEdDSA signature with Node's Ed25519, after converting the Montgomery key to the corresponding Edwards
 * key (y = (u - 1) / (u + 1), sign bit from the signature's top bit). Does not use Baileys or libsignal, because both
 * skip verifications. Source: https://signal.org/docs/specifications/xeddsa/
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const u = littleEndian(rawKey(publicKey)) & (2n ** 255n - 1n);
  if (u + 1n === FIELD) return false;
  const y = ((u - 1n + FIELD) * invert(u + 1n)) % FIELD;
  const edwards = Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
  const top = signature[63] ?? 0;
  edwards[31] = (edwards[31] ?? 0) | (top & 0x80);
  const ed25519Signature = Buffer.from(signature);
  ed25519Signature[63] = top & 0x7f;
  const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI, edwards]), format: "der", type: "spki" });
  return nativeVerify(null, message, key, ed25519Signature);
}

export function hkdf(input: Uint8Array, length: number, options: { salt?: Uint8Array; info?: string } = {}): Buffer {
  return Buffer.from(hkdfSync("sha256", input, options.salt ?? Buffer.alloc(32), options.info ?? "", length));
}

export function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function hmac(key: SecretKey, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac("sha256", secretKey(key));
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Encrypts with AES-256-GCM. The 16-byte tag follows the ciphertext. */
export function gcmEncrypt(key: SecretKey, iv: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-gcm", secretKey(key), iv);
  if (aad) cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts AES-256-GCM. Throws if the tag does not match. */
export function gcmDecrypt(key: SecretKey, iv: Uint8Array, ciphertext: Uint8Array, aad?: Uint8Array): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", secretKey(key), iv);
  if (aad) decipher.setAAD(aad);
  decipher.setAuthTag(ciphertext.subarray(ciphertext.length - 16));
  return Buffer.concat([decipher.update(ciphertext.subarray(0, ciphertext.length - 16)), decipher.final()]);
}

/** Encrypts or decrypts with AES-256-CTR. */
export function ctr(key: SecretKey, iv: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-ctr", secretKey(key), iv);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

export function cbcEncrypt(key: SecretKey, iv: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-cbc", secretKey(key), iv);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

export function cbcDecrypt(key: SecretKey, iv: Uint8Array, data: Uint8Array): Buffer {
  const decipher = createDecipheriv("aes-256-cbc", secretKey(key), iv);
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

const derive = promisify(pbkdf2);

/**
 * Derives a key from an 8-character pairing code: PBKDF2-SHA256, 131072 rounds.
 * Source: `derivePairingCodeKey` in Baileys' Utils/crypto.ts.
 */
export function pairingCodeKey(code: string, salt: Uint8Array): Promise<Buffer> {
  return derive(Buffer.from(code), salt, 131072, 32, "sha256");
}

/** Encodes a big-endian unsigned integer. */
export function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
