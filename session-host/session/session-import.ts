import { ALL_WA_PATCH_NAMES, type AuthenticationCreds, type WASocket } from "@whiskeysockets/baileys";
import type { Vault } from "../../core/crypto/index.ts";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { accountOf } from "../baileys/account.ts";
import { KeyStore } from "../baileys/key-store.ts";
import { type KeyWrite, parseKey } from "../ledger/change.ts";
import type { Ledger } from "../ledger/ledger.ts";

/**
 * Moves a session that the API has accepted for an instance that is not linked into the key store. Returns whether there
 * was one. `core/session/import` has checked it. The number and the name of the account are stored when the connection
 * opens, so that the data of an account that was linked before is removed first.
 */
export async function takeImport(
  { db, vault, ledger }: { db: Database; vault: Vault; ledger: Ledger },
  instanceId: string,
): Promise<boolean> {
  const [row] = await db.sql<{ bundle: Buffer }[]>`
    select bundle from session_imports where instance_id = ${instanceId}`;
  if (!row) return false;
  const bundle = parseKey(vault.open(row.bundle, sealedPlace.sessionImport(instanceId)));
  const { creds, keys } = bundle as { creds: AuthenticationCreds; keys: KeyWrite[] };
  await ledger.append(instanceId, {
    keys: [KeyStore.credsWrite(creds), ...keys],
    instance: { linked_at: new Date(), device: accountOf(creds).device },
    sessionImported: true,
    forgetContacts: true,
    activities: [{ action: "session_imported", details: { phoneNumber: accountOf(creds).phone_number } }],
  });
  return true;
}

/**
 * Reads contacts, labels and settings from the beginning if the app state has never been read. After an import, nothing
 * else requests it: WhatsApp only announces later changes.
 */
export async function readAppStateOnce(sock: WASocket, store: KeyStore, log: Logger): Promise<void> {
  try {
    if (!sock.authState.creds.myAppStateKeyId) return;
    const known = await store.existing("app-state-sync-version", ALL_WA_PATCH_NAMES);
    if (known.size === 0) await sock.resyncAppState(ALL_WA_PATCH_NAMES, true);
  } catch (error) {
    log.warn({ err: error }, "the app state of an imported session could not be read");
  }
}
