import { proto } from "./baileys.ts";
import { generateKeyPair, type KeyPair, sign } from "./crypto.ts";

const DAY_SECONDS = 86_400;

/** The keys and the certificate chain of a server. Clients pin the root key (`WA_CERT_DETAILS.PUBLIC_KEY` in Baileys). */
export type Certificates = {
  root: KeyPair;
  /** The Noise static key. The leaf certificate contains its public key. */
  server: KeyPair;
  /** An encoded `CertChain`: the intermediate signs the leaf, and the root signs the intermediate. */
  chain: Buffer;
};

/**
 * Issues a certificate chain for the Noise handshake.
 * @param nowSeconds seconds since the epoch; the chain is valid from one day before this time until one year after it
 */
export function issueCertificates(
  nowSeconds: number,
  root = generateKeyPair(),
  server = generateKeyPair(),
): Certificates {
  const intermediate = generateKeyPair();
  const validity = { notBefore: nowSeconds - DAY_SECONDS, notAfter: nowSeconds + 365 * DAY_SECONDS };
  const certificate = (serial: number, issuerSerial: number, key: Buffer, issuer: KeyPair) => {
    const details = proto.CertChain.NoiseCertificate.Details.encode({
      serial,
      issuerSerial,
      key,
      ...validity,
    }).finish();
    return { details, signature: sign(issuer.private, details) };
  };
  const chain = proto.CertChain.encode({
    leaf: certificate(2, 1, server.public, intermediate),
    intermediate: certificate(1, 0, intermediate.public, root),
  }).finish();
  return { root, server, chain: Buffer.from(chain) };
}
