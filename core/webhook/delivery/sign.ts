import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { defined } from "../../object.ts";

export interface SignedDelivery {
  /** The same for all attempts of a delivery, so that a receiver recognizes a repeat. */
  id: string;
  /** When this attempt is made. */
  at: Date;
  /** The exact text that is sent. */
  body: string;
  secret: string | undefined;
  /** The previous secret, while it also signs. */
  previousSecret?: string | undefined;
}

/**
 * Returns the headers that identify a delivery and authenticate its sender.
 *
 * `X-Webhook-Signature`: hexadecimal HMAC-SHA256 of the body, keyed with the UTF-8 bytes of the secret, as both APIs
 * define it. `webhook-signature`: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, as Standard Webhooks defines
 * it. Its key is the decoded base64 of a secret `whsec_<base64>`, and the UTF-8 bytes of any other secret. For a
 * library that always decodes base64, encode such a secret in base64 first.
 *
 * While a secret is being rotated, `webhook-signature` has one signature per secret, the new one first, separated by a
 * space; receivers accept either. `X-Webhook-Signature-Previous` has the hexadecimal form of the old one. Without a
 * secret, the headers contain the id and the timestamp, but no signature.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureHeaders({ id, at, body, secret, previousSecret }: SignedDelivery): Record<string, string> {
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
    ...defined({ "x-webhook-signature-previous": previousSecret ? plain(previousSecret) : undefined }),
  };
}

/** Not a buffer, because `createHmac` takes several times as long with one. */
function standardKey(secret: string): KeyObject | string {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  return encoded ? createSecretKey(encoded, "base64") : secret;
}
