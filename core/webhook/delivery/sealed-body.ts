import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";

/** Prefix of a sealed body. JSON never starts with this character sequence. */
const sealedMark = "sealed:";

/** Encrypts a body that contains a credential, for storage. */
export function sealBody(vault: Vault, deliveryId: string, body: string): string {
  return sealedMark + vault.seal(Buffer.from(body), sealedPlace.deliveryBody(deliveryId)).toString("base64");
}

/** Returns the exact body of a stored delivery, as it is sent. */
export function openBody(vault: Vault, deliveryId: string, stored: string): string {
  if (!isSealedBody(stored)) return stored;
  const sealed = Buffer.from(stored.slice(sealedMark.length), "base64");
  return vault.open(sealed, sealedPlace.deliveryBody(deliveryId)).toString();
}

export const isSealedBody = (stored: string) => stored.startsWith(sealedMark);
