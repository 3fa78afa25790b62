import { ALL_WA_PATCH_NAMES, type AuthenticationCreds, type WASocket } from "@whiskeysockets/baileys";
import type { Vault } from "../../../core/crypto/index.ts";
import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import type { Database } from "../../../core/db/index.ts";
import type { Logger } from "../../../core/log.ts";
import type { ImportedSession } from "../../../core/session/import/index.ts";
import { accountOf, deviceOf } from "../../baileys/account.ts";
import { KeyStore } from "../../baileys/key-store.ts";
import { parseKey, SerializedKey } from "../../ledger/change.ts";
import type { Ledger } from "../../ledger/ledger.ts";

/** How often a host begins to take a session. One that a host can't take would otherwise stop each host in turn. */
const maxAttempts = 3;
/** Keys that are encrypted and stored together. Other sessions have their turn after each slice. */
const sliceKeys = 500;
const sliceCharacters = 1024 * 1024;

/** The session that the API accepted can't be stored. It has been removed. */
export class ImportFailed extends Error {
  override readonly name = "ImportFailed";
}

interface Deps {
  db: Database;
  vault: Vault;
  ledger: Ledger;
  log: Logger;
}

/**
 * Moves a session that the API has accepted for an instance that is not linked into the key store. Returns whether there
 * was one. `core/session/import` has checked it. The number and the name of the account are stored when the connection
 * opens, so that the data of an account that was linked before is removed first. Throws `ImportFailed` if it was tried
 * too often.
 */
export async function takeImport(
  { db, vault, ledger, log }: Deps,
  store: KeyStore,
  instanceId: string,
): Promise<boolean> {
  const [begun] = await db.sql<{ attempts: number; created_at: Date }[]>`
    update session_imports set attempts = attempts + 1 where instance_id = ${instanceId}
    returning attempts, created_at`;
  if (!begun) return false;
  const removeImport = begun.created_at;
  const current = await store.loadCreds();
  if (current?.me && current.account) {
    log.warn({ instanceId }, "a session was not imported, because another device has been linked meanwhile");
    await ledger.append(instanceId, { removeImport });
    return false;
  }
  if (begun.attempts > maxAttempts) {
    await ledger.append(instanceId, { removeImport, forgetSession: true });
    throw new ImportFailed(`the session could not be stored in ${maxAttempts} attempts`);
  }
  const [row] = await db.sql<{ bundle: Buffer }[]>`
    select bundle from session_imports
    where instance_id = ${instanceId} and date_trunc('milliseconds', created_at) = ${removeImport}`;
  if (!row) return false;
  const session: ImportedSession = JSON.parse(vault.open(row.bundle, sealedPlace.sessionImport(instanceId)).toString());
  for (const slice of slices(session.keys)) {
    await ledger.append(instanceId, {
      keys: slice.map(({ type, id, json }) => ({ type, id, value: new SerializedKey(json) })),
    });
  }
  const creds = parseKey(Buffer.from(JSON.stringify(session.creds))) as AuthenticationCreds;
  await ledger.append(instanceId, {
    keys: [KeyStore.credsWrite(creds)],
    instance: { linked_at: new Date(), device: deviceOf(creds) },
    removeImport,
    forgetContacts: true,
    activities: [{ action: "session_imported", details: { phoneNumber: accountOf(creds).phone_number } }],
  });
  return true;
}

type Keys = ImportedSession["keys"];

function* slices(keys: Keys): Generator<Keys> {
  let slice: Keys = [];
  let characters = 0;
  for (const key of keys) {
    slice.push(key);
    characters += key.json.length;
    if (slice.length < sliceKeys && characters < sliceCharacters) continue;
    yield slice;
    [slice, characters] = [[], 0];
  }
  yield slice;
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
