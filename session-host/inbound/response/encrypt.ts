import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";

/** AES-GCM. Source: whatsmeow, msgsecret.go, `encryptMsgSecret`. */
const ivBytes = 12;

/** The poll or calendar event that is answered, and the JIDs of both people. Both JIDs are of the same kind. */
export interface SealTarget {
  /** WhatsApp's id of the poll or calendar event. */
  waId: string;
  secret: Uint8Array;
  creator: string;
  responder: string;
}

/**
 * Encrypts an answer to a poll or calendar event with the secret of that message. Source: whatsmeow, msgsecret.go,
 * `generateMsgSecretKey`.
 */
export function sealResponse(
  use: "Poll Vote" | "Event Response",
  { waId, secret, creator, responder }: SealTarget,
  plaintext: Uint8Array,
): { encPayload: Uint8Array; encIv: Uint8Array } {
  const key = Buffer.from(hkdfSync("sha256", secret, "", `${waId}${creator}${responder}${use}`, 32));
  const encIv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, encIv);
  cipher.setAAD(Buffer.from(`${waId}\0${responder}`));
  const encPayload = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { encPayload, encIv };
}
