import { type AuthenticationCreds, initAuthCreds } from "@whiskeysockets/baileys";
import type { KeyStore } from "../baileys/key-store.ts";

/**
 * The credentials of a linked instance are missing, because somebody deleted them or because of a bug. The host never
 * replaces them with new credentials.
 */
export class CredentialsMissing extends Error {
  override readonly name = "CredentialsMissing";
}

/**
 * Reads the credentials. If they don't exist, makes new credentials for an instance that is not linked, and throws
 * `CredentialsMissing` for a linked instance.
 */
export async function loadCredentials(store: KeyStore, linked: boolean): Promise<AuthenticationCreds> {
  const creds = await store.loadCreds();
  if (!creds) {
    if (linked) throw new CredentialsMissing("the instance is linked, but its credentials are not in the database");
    return initAuthCreds();
  }
  if (creds.me && !creds.account) {
    // A pairing by code was interrupted. With `me`, Baileys would log in as an account that was never paired.
    delete creds.me;
    creds.pairingCode = undefined;
  }
  return creds;
}
