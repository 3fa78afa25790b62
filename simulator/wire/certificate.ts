import { proto } from "./baileys.ts";
import { generateKeyPair, type KeyPair, sign } from "./crypto.ts";

const DAY_SECONDS = 86_400;

/** The root that a client pins (`WA_CERT_DETAILS.PUBLIC_KEY`), and what it has signed for one server. */
export type Certificates = {
  root: KeyPair;
  /** The Noise static key; its public half is the leaf's key, as a strict client demands. */
  server: KeyPair;
  /** An encoded `CertChain`: the leaf signed by the intermediate, the intermediate by the root. */
  chain: Buffer;
};

/** @param nowSeconds the chain is valid from a day before to a year after this time. */
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
