import { createHmac } from "node:crypto";

export interface Signed {
  /** Stable over all tries of a delivery, so that a receiver can tell a repeat. */
  id: string;
  /** When this try is made. */
  at: Date;
  /** The exact bytes that are sent, as text. */
  body: string;
  secret: string | undefined;
  /** The secret before that one, while both are to be signed with. */
  previousSecret?: string | undefined;
}

/**
 * The headers by which a receiver recognises a delivery and its sender.
 *
 * `X-Webhook-Signature`: hexadecimal HMAC-SHA256 of the body under the UTF-8 bytes of the secret, as both APIs define it.
 * `webhook-signature`: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, as Standard Webhooks defines it. Its key
 * is, for a secret `whsec_<base64>`, what the base64 stands for, and for any other secret its UTF-8 bytes; a library that
 * always takes its secret for base64 must then be given the base64 of the secret.
 * While a secret is being changed, `webhook-signature` has one signature with each, the new one first, with a space between
 * (the receiver accepts any that fits), and the old one's hexadecimal form is in `X-Webhook-Signature-Previous`.
 * Without a secret there is no signature, but the id and the time are there all the same.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureHeaders({ id, at, body, secret, previousSecret }: Signed): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (!secret) return headers;
  const standard = (key: string) =>
    `v1,${createHmac("sha256", standardKey(key)).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  const plain = (key: string) => createHmac("sha256", key).update(body).digest("hex");
  return {
    ...headers,
    "webhook-signature": previousSecret ? `${standard(secret)} ${standard(previousSecret)}` : standard(secret),
    "x-webhook-signature": plain(secret),
    ...(previousSecret ? { "x-webhook-signature-previous": plain(previousSecret) } : {}),
  };
}

function standardKey(secret: string): Buffer {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  return encoded ? Buffer.from(encoded, "base64") : Buffer.from(secret);
}
