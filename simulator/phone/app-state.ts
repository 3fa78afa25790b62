import { createHmac, randomBytes } from "node:crypto";
import { type Collection, patchesSince } from "../model/app-state.ts";
import { problemOf } from "../model/chat-action.ts";
import { addPatch } from "../stanza/account/app-state.ts";
import { proto } from "../wire/baileys.ts";
import { cbcDecrypt, cbcEncrypt, hkdf, hmac, secretKey } from "../wire/crypto.ts";
import type { PhoneBase } from "./base.ts";

const { SET, REMOVE } = proto.SyncdMutation.SyncdOperation;
const MAC_BYTES = 32;
const HASH_BYTES = 128;

/** An entry of the app state. `index` contains the action and its object, for example `["archive", "…@s.whatsapp.net"]`. */
export type StateEntry = { collection: string; index: string[]; value: proto.ISyncActionValue };

/** A patch does not verify or does not fit the collection. */
export class AppStateError extends Error {}

/** The account's app-state key. As on WhatsApp, its id consists of two bytes for the device and four for the epoch. */
export type AppStateKey = { id: Buffer; data: Buffer };

export function newAppStateKey(): AppStateKey {
  return { id: Buffer.concat([Buffer.from([0, 0]), randomBytes(4)]), data: randomBytes(32) };
}

type Keys = { index: Buffer; encryption: Buffer; value: Buffer; snapshot: Buffer; patch: Buffer };
/** The phone's copy of a collection. `values` has the MAC of each entry by the MAC of its index (base64). */
type LocalCollection = { version: number; hash: Buffer; values: Map<string, Buffer> };
type Operation = typeof SET | typeof REMOVE;

/** Derives the keys of the app state. Source: `mutationKeys` in Baileys' Utils/chat-utils.ts. */
function expand(keyData: Buffer): Keys {
  const derived = hkdf(keyData, 160, { info: "WhatsApp Mutation Keys" });
  const part = (index: number): Buffer => derived.subarray(index * 32, index * 32 + 32);
  return { index: part(0), encryption: part(1), value: part(2), snapshot: part(3), patch: part(4) };
}

function bigEndian(value: number): Buffer {
  const encoded = Buffer.alloc(8);
  encoded.writeUInt32BE(value, 4);
  return encoded;
}

/** Adds a value to an LT-Hash, or removes it: the hash is the sum of the expanded values, word by word, in any order. */
function mix(hash: Buffer, valueMac: Buffer, sign: 1 | -1): void {
  const expanded = hkdf(valueMac, HASH_BYTES, { info: "WhatsApp Patch Integrity" });
  for (let offset = 0; offset < HASH_BYTES; offset += 2) {
    const sum = hash.readUInt16LE(offset) + sign * expanded.readUInt16LE(offset);
    hash.writeUInt16LE((sum + 0x10000) & 0xffff, offset);
  }
}

/** A phone's copy of the account's app state. Decrypts and verifies the patches of companions, and creates patches. */
export class PhoneAppState {
  readonly #ring: AppStateKey[];
  readonly #phone: PhoneBase;
  readonly #local = new Map<string, LocalCollection>();
  readonly #entries = new Map<string, StateEntry>();

  constructor(phone: PhoneBase, keys: readonly AppStateKey[]) {
    this.#phone = phone;
    this.#ring = [...keys];
  }

  /** The keys, the newest last. */
  get keys(): readonly AppStateKey[] {
    return this.#ring;
  }

  /** The newest key, with which the phone encrypts its changes. */
  get key(): AppStateKey {
    const newest = this.#ring.at(-1);
    if (!newest) throw new AppStateError("the phone has no key");
    return newest;
  }

  /** Makes a new key for later changes. Companions get it only when they ask for it, or through `Sync.share`. */
  rotateKey(): AppStateKey {
    this.#ring.push(newAppStateKey());
    return this.key;
  }

  get entries(): StateEntry[] {
    return [...this.#entries.values()];
  }

  get(...index: string[]): proto.ISyncActionValue | undefined {
    return this.#entries.get(JSON.stringify(index))?.value;
  }

  #keysOf(id: Buffer): Keys {
    const key = this.#ring.find((one) => one.id.equals(id));
    if (!key) throw new AppStateError("a mutation refers to an unknown key");
    return expand(key.data);
  }

  /** Applies the new patches of a collection. Throws `AppStateError` if a patch does not verify. */
  pull(collection: string): void {
    const local = this.#collection(collection);
    for (const encoded of patchesSince(this.#phone.account.appState, collection, local.version)) {
      this.#apply(collection, local, proto.SyncdPatch.decode(encoded));
    }
  }

  #collection(collection: string): LocalCollection {
    const known = this.#local.get(collection);
    if (known) return known;
    const fresh = { version: 0, hash: Buffer.alloc(HASH_BYTES), values: new Map<string, Buffer>() };
    this.#local.set(collection, fresh);
    return fresh;
  }

  #apply(collection: string, local: LocalCollection, patch: proto.SyncdPatch): void {
    const signing = this.#keysOf(Buffer.from(patch.keyId?.id ?? []));
    const version = local.version + 1;
    const macs: Buffer[] = [];
    for (const { operation, record } of patch.mutations ?? []) {
      const keyId = Buffer.from(record?.keyId?.id ?? []);
      const keys = this.#keysOf(keyId);
      const blob = Buffer.from(record?.value?.blob ?? []);
      const [sealed, mac] = [blob.subarray(0, -MAC_BYTES), blob.subarray(-MAC_BYTES)];
      const kind = operation === REMOVE ? REMOVE : SET;
      if (!valueMac(keys, kind, keyId, sealed).equals(mac)) throw new AppStateError("a value MAC is wrong");
      const action = proto.SyncActionData.decode(
        cbcDecrypt(keys.encryption, sealed.subarray(0, 16), sealed.subarray(16)),
      );
      const index = Buffer.from(action.index ?? []);
      const indexMac = Buffer.from(record?.index?.blob ?? []);
      if (!hmac(keys.index, index).equals(indexMac)) throw new AppStateError("an index MAC is wrong");
      this.#updateHash(local, indexMac.toString("base64"), kind, mac);
      const entry = { collection, index: JSON.parse(index.toString()) as string[], value: action.value ?? {} };
      const problem = kind === SET ? problemOf(entry, action.version ?? 0) : undefined;
      if (problem) this.#phone.errors.push(new AppStateError(problem));
      this.#applyEntry(kind, entry);
      macs.push(mac);
    }
    const snapshotMac = hmac(signing.snapshot, local.hash, bigEndian(version), Buffer.from(collection));
    if (!snapshotMac.equals(patch.snapshotMac ?? Buffer.alloc(0))) throw new AppStateError("the snapshot MAC is wrong");
    const patchMac = hmac(signing.patch, snapshotMac, ...macs, bigEndian(version), Buffer.from(collection));
    if (!patchMac.equals(patch.patchMac ?? Buffer.alloc(0))) throw new AppStateError("the patch MAC is wrong");
    local.version = version;
  }

  #updateHash(local: LocalCollection, index: string, operation: Operation, mac: Buffer): void {
    const previous = local.values.get(index);
    if (previous) mix(local.hash, previous, -1);
    if (operation === REMOVE) local.values.delete(index);
    else {
      mix(local.hash, mac, 1);
      local.values.set(index, mac);
    }
  }

  #applyEntry(operation: Operation, { collection, index, value }: StateEntry): void {
    const key = JSON.stringify(index);
    if (operation === REMOVE) this.#entries.delete(key);
    else this.#entries.set(key, { collection, index, value });
    if (index[0] === "setting_pushName" && value.pushNameSetting?.name) {
      this.#phone.account.pushName = value.pushNameSetting.name;
    }
  }

  /**
   * Adds or changes an entry, for example to archive a chat, and notifies the companions.
   * @param apiVersion version of the action's format, for example 3 for `archive`
   */
  set(collection: Collection, index: string[], value: proto.ISyncActionValue, apiVersion: number): void {
    this.#change(SET, { collection, index, value }, apiVersion);
  }

  /** Removes an entry and notifies the companions. On WhatsApp, a removal also contains a value. */
  remove(collection: Collection, index: string[], value: proto.ISyncActionValue, apiVersion: number): void {
    this.#change(REMOVE, { collection, index, value }, apiVersion);
  }

  #change(
    operation: Operation,
    { collection, index, value }: StateEntry & { collection: Collection },
    apiVersion: number,
  ): void {
    this.pull(collection);
    const local = this.#collection(collection);
    const keyId = this.key.id;
    const keys = expand(this.key.data);
    const indexBytes = Buffer.from(JSON.stringify(index));
    const timestamped = { timestamp: this.#phone.world.clock(), ...value };
    const action = { index: indexBytes, value: timestamped, padding: Buffer.alloc(0), version: apiVersion };
    const iv = randomBytes(16);
    const encoded = proto.SyncActionData.encode(action).finish();
    const sealed = Buffer.concat([iv, cbcEncrypt(keys.encryption, iv, encoded)]);
    const mac = valueMac(keys, operation, keyId, sealed);
    const indexMac = hmac(keys.index, indexBytes);
    const version = local.version + 1;
    this.#updateHash(local, indexMac.toString("base64"), operation, mac);
    const name = Buffer.from(collection);
    const snapshotMac = hmac(keys.snapshot, local.hash, bigEndian(version), name);
    const patch = proto.SyncdPatch.encode({
      snapshotMac,
      patchMac: hmac(keys.patch, snapshotMac, mac, bigEndian(version), name),
      keyId: { id: keyId },
      mutations: [
        {
          operation,
          record: { index: { blob: indexMac }, value: { blob: Buffer.concat([sealed, mac]) }, keyId: { id: keyId } },
        },
      ],
    }).finish();
    const { world, account } = this.#phone;
    if (!addPatch(world, account, this.#phone, { collection, version: local.version, patch })) {
      throw new AppStateError(`the collection ${collection} has a newer version on the server`);
    }
    local.version = version;
    this.#applyEntry(operation, { collection, index, value: timestamped });
  }
}

/** Returns the HMAC-SHA-512, cut to 32 bytes, of operation, key id, ciphertext and the length of the first two. */
function valueMac(keys: Keys, operation: Operation, keyId: Buffer, sealed: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from([operation === SET ? 1 : 2]), keyId]);
  const mac = createHmac("sha512", secretKey(keys.value)).update(head).update(sealed).update(bigEndian(head.length));
  return mac.digest().subarray(0, MAC_BYTES);
}
