import * as z from "zod";
import { unusable } from "./archive.ts";
import { publicKeyOf, verifySignature } from "./signature.ts";

/** A value of `BufferJSON`, in which Baileys writes bytes. */
type StoredBytes = { type: "Buffer"; data: string };

const stored = (bytes: Buffer): StoredBytes => ({ type: "Buffer", data: bytes.toString("base64") });
const bytesOf = ({ data }: StoredBytes): Buffer => Buffer.from(data, "base64");

/** Bytes as Base64. Protobuf values, such as `account`, contain them as plain strings. */
const base64 = z
  .string()
  .max(100_000)
  .regex(/^[A-Za-z0-9+/_-]*={0,2}$/)
  .transform((text) => Buffer.from(text, "base64"));

/** Bytes in a form that `normalized` returns, or in Base64, of the given length. */
const bytes = (min: number, max = min) =>
  z
    .union([z.object({ type: z.literal("Buffer"), data: base64 }).transform(({ data }) => data), base64])
    .refine(({ length }) => length >= min && length <= max, {
      error: `must have ${min === max ? min : `${min} to ${max}`} bytes`,
      abort: true,
    })
    .transform(stored);

/** Some programs store the type byte 5 that Signal puts before a public key. */
const publicKey = bytes(32, 33).transform((key) => {
  const raw = bytesOf(key);
  return stored(raw.length === 33 ? raw.subarray(1) : raw);
});

/** A prekey. Whether its keys match isn't checked, because a session can have thousands of prekeys. */
export const preKey = z.object({ public: publicKey, private: bytes(32) });

const keyPair = preKey.refine(
  (pair) => publicKeyOf(bytesOf(pair.private)).equals(bytesOf(pair.public)),
  "the two keys don't match",
);

const keyId = z.int().min(0).max(0xffffff);
const count = z
  .int()
  .min(0)
  .max(2 ** 31);
const jidText = z.string().max(100);

/**
 * Credentials (`AuthenticationCreds` in Baileys' `Types/Auth.d.ts`). Unknown properties are dropped.
 */
const credentials = z.object({
  noiseKey: keyPair,
  pairingEphemeralKeyPair: keyPair,
  signedIdentityKey: keyPair,
  signedPreKey: z.object({ keyPair, signature: bytes(64), keyId }),
  registrationId: z
    .int()
    .min(0)
    .max(2 ** 31),
  advSecretKey: base64
    .refine(({ length }) => length === 32, "must have 32 bytes")
    .transform((key) => key.toString("base64")),
  me: z.object({
    /** Number and device. The device 0 is the phone. */
    id: z.string().regex(/^[1-9]\d{4,18}:[1-9]\d{0,4}@s\.whatsapp\.net$/, "must be the JID of a linked device"),
    lid: jidText.regex(/^\d+(:\d+)?@lid$/).optional(),
    name: z.string().max(1000).optional(),
  }),
  account: z.object({
    details: bytes(1, 10_000),
    accountSignatureKey: publicKey,
    accountSignature: bytes(64),
    deviceSignature: bytes(64),
  }),
  signalIdentities: z
    .array(z.object({ identifier: z.object({ name: jidText, deviceId: count }), identifierKey: bytes(32, 33) }))
    .max(100)
    .optional(),
  myAppStateKeyId: z.string().max(1000).nullish(),
  firstUnuploadedPreKeyId: keyId,
  nextPreKeyId: keyId,
  lastAccountSyncTimestamp: count.optional(),
  platform: z.string().max(100).optional(),
  accountSyncCounter: count.default(0),
  accountSettings: z.looseObject({ unarchiveChats: z.boolean().default(false) }).default({ unarchiveChats: false }),
  registered: z.boolean().default(false),
  lastPropHash: z.string().max(1000).optional(),
  routingInfo: bytes(0, 10_000).optional(),
});

export type ImportedCredentials = z.output<typeof credentials> & { processedHistoryMessages: [] };

/**
 * Checks credentials: that they belong to a linked device, that the keys have the right lengths and match, and that the
 * account has signed the device. Throws `session_not_usable` with the reason, without the values.
 */
export function checkCredentials(creds: unknown): ImportedCredentials {
  const { me, account } = (typeof creds === "object" && creds !== null ? creds : {}) as Record<string, unknown>;
  if (!me || !account) throw unusable("the session is not linked: creds.json has no account");
  const parsed = credentials.safeParse(creds);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unusable(`creds.json: ${issue?.path.join(".") || "the file"}: ${issue?.message}`);
  }
  const checked = parsed.data;
  const { signedIdentityKey, signedPreKey } = checked;
  const preKey = Buffer.concat([Buffer.from([5]), bytesOf(signedPreKey.keyPair.public)]);
  if (!verifySignature(bytesOf(signedIdentityKey.public), preKey, bytesOf(signedPreKey.signature)))
    throw unusable("creds.json: signedPreKey: the identity key did not sign it");
  assertSignedDevice(checked);
  return { ...checked, processedHistoryMessages: [] };
}

/**
 * The prefixes of what the account and the device sign, for ordinary and for hosted devices (`WA_ADV_…_PREFIX` in Baileys'
 * `Defaults/index.js`, and `Adv…SignaturePrefix` in whatsmeow's `pair.go`).
 */
const accountPrefixes = [Buffer.from([6, 0]), Buffer.from([6, 5])];
const devicePrefixes = [Buffer.from([6, 1]), Buffer.from([6, 6])];

/** Throws unless the account's phone signed this device, and the device signed that (`configureSuccessfulPairing`). */
function assertSignedDevice({ account, signedIdentityKey }: z.output<typeof credentials>): void {
  const [details, accountKey] = [bytesOf(account.details), bytesOf(account.accountSignatureKey)];
  const identity = bytesOf(signedIdentityKey.public);
  const isSigned = (key: Buffer, prefixes: Buffer[], rest: Buffer[], signature: StoredBytes) =>
    prefixes.some((prefix) => verifySignature(key, Buffer.concat([prefix, ...rest]), bytesOf(signature)));
  if (!isSigned(accountKey, accountPrefixes, [details, identity], account.accountSignature))
    throw unusable("creds.json: account: the owner's account did not sign this device");
  if (!isSigned(identity, devicePrefixes, [details, identity, accountKey], account.deviceSignature))
    throw unusable("creds.json: account: the device did not sign its account");
}

/**
 * Returns a JSON value in which all bytes have the form of `BufferJSON`. Programs also write `data` as a list of numbers
 * (`Buffer.toJSON`), or an object with an index for each byte (`JSON.stringify` of a `Uint8Array`).
 */
export function normalized(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(normalized);
  const entries = Object.entries(value);
  const { type, data } = value as { type?: unknown; data?: unknown };
  if (type === "Buffer" && (typeof data === "string" || Array.isArray(data))) {
    return stored(typeof data === "string" ? Buffer.from(data, "base64") : Buffer.from(data as number[]));
  }
  const isIndexed =
    entries.length > 0 && entries.every(([key, byte], at) => key === String(at) && typeof byte === "number");
  if (isIndexed) return stored(Buffer.from(entries.map(([, byte]) => byte as number)));
  return Object.fromEntries(entries.map(([key, inner]) => [key, normalized(inner)]));
}
