import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

// Issues the TLS certificates of the media host. Implements the required part of DER (X.690) and X.509 v3 (RFC 5280).
const OID = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  extendedKeyUsage: "2.5.29.37",
  subjectKeyIdentifier: "2.5.29.14",
  authorityKeyIdentifier: "2.5.29.35",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 255 ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
const octets = (value: Uint8Array): Buffer => der(0x04, value);
const bits = (value: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), value);
const TRUE = der(0x01, Buffer.from([0xff]));

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const encoded = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let value = part >> 7; value > 0; value >>= 7) groups.unshift((value & 0x7f) | 0x80);
    encoded.push(...groups);
  }
  return der(0x06, Buffer.from(encoded));
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, Buffer.from(commonName)))));
}

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(digits));
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return critical ? sequence(oid(id), TRUE, octets(value)) : sequence(oid(id), octets(value));
}

/** Returns the key identifier of a public key. */
function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
}

function certificate(options: {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  issuerKeys: { publicKey: KeyObject; privateKey: KeyObject };
  now: number;
  extensions: Buffer[];
}): Buffer {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const day = 86_400_000;
  const extensions = [
    ...options.extensions,
    extension(OID.subjectKeyIdentifier, false, octets(keyId(options.publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(der(0x80, keyId(options.issuerKeys.publicKey)))),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    name(options.issuer),
    sequence(time(options.now - day), time(options.now + 3650 * day)),
    name(options.subject),
    options.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(body, algorithm, bits(sign("sha256", body, options.issuerKeys.privateKey)));
}

function pem(encoded: Buffer): string {
  const lines = encoded
    .toString("base64")
    .replace(/(.{64})/g, "$1\n")
    .trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** A CA certificate, and a server certificate with its private key, all in PEM. */
export type TlsIdentity = { ca: string; cert: string; key: string };

/**
 * Creates a CA, and a server certificate that the CA signs.
 * @param now milliseconds since the epoch
 */
export function issueTls(names: { dns: string[]; ip: string[] }, now: number): TlsIdentity {
  const ca = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = "Simulated WhatsApp media CA";
  const root = certificate({
    subject: issuer,
    issuer,
    publicKey: ca.publicKey,
    issuerKeys: ca,
    now,
    extensions: [
      extension(OID.basicConstraints, true, sequence(TRUE)),
      extension(OID.keyUsage, true, bits(Buffer.from([0x06]), 1)),
    ],
  });
  const alternatives = [
    ...names.dns.map((host) => der(0x82, Buffer.from(host))),
    ...names.ip.map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
  ];
  const leaf = certificate({
    subject: names.dns[0] ?? names.ip[0] ?? "localhost",
    issuer,
    publicKey: server.publicKey,
    issuerKeys: ca,
    now,
    extensions: [
      extension(OID.keyUsage, true, bits(Buffer.from([0x80]), 7)),
      extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth))),
      extension(OID.subjectAltName, false, sequence(...alternatives)),
    ],
  });
  return {
    ca: pem(root),
    cert: pem(leaf),
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
