import { AsyncLocalStorage } from "node:async_hooks";
import {
  type AuthenticationCreds,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStoreWithTransaction,
} from "@whiskeysockets/baileys";
import { boundKey } from "../../core/bound.ts";
import type { Vault } from "../../core/crypto/index.ts";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import type { Database } from "../../core/db/index.ts";
import { lruCache } from "../../core/lru.ts";
import { type Change, type KeyWrite, parseKey, serializeKey } from "../ledger/change.ts";

/** Records a change of the session without waiting until it is durable. Only the gate waits. */
export type RecordChange = (change: Change) => void;

/** What an open transaction has written so far. */
interface Transaction {
  writes: Map<string, KeyWrite>;
  /** What is committed together with the keys. */
  extra: Change;
  /** Whether it is committed or has failed. What it started may still run in its asynchronous context. */
  ended: boolean;
}

/** Number of recently read or written keys that are cached. Prekeys are not cached, because each is used once. */
const cacheSize = 512;

/**
 * The Signal key store of one session. Only this session writes the rows of the store. A write is visible at once and
 * becomes durable in the background, in order. Until then, `Gate` holds back all frames of the socket. This way,
 * Baileys waits for the database only when it reads, and a crash loses no state that has had an effect on WhatsApp.
 * Strangers choose parts of some ids, such as the group of a sender key, so each id is stored as `boundKey` returns it.
 */
export class KeyStore {
  readonly #db: Database;
  readonly #vault: Vault;
  readonly #instanceId: string;
  readonly #record: RecordChange;
  readonly #fail: (error: unknown) => void;
  readonly #cache = lruCache<string, { value: unknown }>(cacheSize);
  /** The newest writes that are not durable yet. Unlike the cache, this map never evicts a write. */
  readonly #dirty = new Map<string, { value: unknown }>();
  readonly #openTransaction = new AsyncLocalStorage<Transaction>();
  /** Resolves when the last transaction that began has ended. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: {
    db: Database;
    vault: Vault;
    instanceId: string;
    record: RecordChange;
    fail: (error: unknown) => void;
  }) {
    this.#db = options.db;
    this.#vault = options.vault;
    this.#instanceId = options.instanceId;
    this.#record = options.record;
    this.#fail = options.fail;
  }

  /** Returns the credentials, or undefined if the database has no credentials. Throws if the database can't be read. */
  async loadCreds(): Promise<AuthenticationCreds | undefined> {
    const [row] = await this.#db.sql<{ value: Buffer }[]>`
      select value from session_keys where instance_id = ${this.#instanceId} and type = 'creds' and key_id = ''`;
    return row && (parseKey(this.#vault.open(row.value, this.#place("creds", ""))) as AuthenticationCreds);
  }

  /** Returns a write of the credentials. Copies them, because Baileys keeps changing the object. */
  static credsWrite(creds: AuthenticationCreds): KeyWrite {
    return { type: "creds", id: "", value: parseKey(serializeKey(creds)) };
  }

  /** Adds `change` to the open transaction, so that both become durable together. */
  attach(change: Change): void {
    const transaction = this.#current();
    if (!transaction) throw new Error("attach needs a transaction");
    Object.assign(transaction.extra, change);
  }

  /** Drops all writes that the open transaction has made so far. */
  discard(): void {
    this.#current()?.writes.clear();
  }

  /**
   * Returns those of the ids that have a value. Reads no values and leaves the cache alone, so that it can be used with
   * thousands of ids.
   */
  async existing(type: keyof SignalDataTypeMap, ids: readonly string[]): Promise<Set<string>> {
    const transaction = this.#current();
    const written = (id: string) => {
      const name = `${type} ${boundKey(id)}`;
      return transaction?.writes.get(name) ?? this.#dirty.get(name);
    };
    // A write that becomes durable during the query may be missing in the rows and afterwards in the writes.
    const before = new Map(ids.map((id) => [id, written(id)]));
    const stored = await this.#readable(
      () => this.#db.sql<{ key_id: string }[]>`
        select key_id from session_keys
        where instance_id = ${this.#instanceId} and type = ${type} and key_id = any(${ids.map(boundKey)}::text[])`,
    );
    const rows = new Set(stored.map((row) => row.key_id));
    return new Set(
      ids.filter((id) => {
        const write = written(id) ?? before.get(id);
        return write ? write.value !== null && write.value !== undefined : rows.has(boundKey(id));
      }),
    );
  }

  /** Returns the ids of all values of a type. Reads no values. */
  async ids(type: keyof SignalDataTypeMap): Promise<string[]> {
    const names = () => [...this.#dirty.keys()].filter((name) => name.startsWith(`${type} `));
    const before = names();
    const stored = await this.#readable(
      () => this.#db.sql<{ key_id: string }[]>`
        select key_id from session_keys where instance_id = ${this.#instanceId} and type = ${type}`,
    );
    const written = [...before, ...names()].map((name) => name.slice(type.length + 1));
    const ids = new Set([...stored.map((row) => row.key_id), ...written]);
    return [...ids];
  }

  /** Notes that these writes are durable. From then on, they may be evicted and read from the database again. */
  noteDurable(keys: readonly KeyWrite[]): void {
    for (const key of keys) {
      const name = `${key.type} ${key.id}`;
      if (this.#dirty.get(name)?.value === key.value) this.#dirty.delete(name);
    }
  }

  /** The interface for Baileys' socket and its Signal repository. */
  readonly keys: SignalKeyStoreWithTransaction = {
    get: (type, ids) => this.#get(type, ids),
    set: async (data) => this.#set(data),
    isInTransaction: () => this.#current() !== undefined,
    transaction: (work) => this.#transaction(work),
  };

  async #get<Type extends keyof SignalDataTypeMap>(
    type: Type,
    ids: string[],
  ): Promise<{ [id: string]: SignalDataTypeMap[Type] }> {
    const transaction = this.#current();
    const found: { [id: string]: SignalDataTypeMap[Type] } = {};
    const missing: string[] = [];
    for (const id of ids) {
      const name = `${type} ${boundKey(id)}`;
      const known = transaction?.writes.get(name) ?? this.#dirty.get(name) ?? this.#cache.get(name);
      if (!known) missing.push(id);
      else if (known.value !== null && known.value !== undefined) found[id] = known.value as SignalDataTypeMap[Type];
    }
    if (missing.length > 0) Object.assign(found, await this.#load(type, missing));
    return found;
  }

  async #load(type: keyof SignalDataTypeMap, ids: string[]): Promise<{ [id: string]: unknown }> {
    try {
      const rows = await this.#db.sql<{ key_id: string; value: Buffer }[]>`
        select key_id, value from session_keys
        where instance_id = ${this.#instanceId} and type = ${type} and key_id = any(${ids.map(boundKey)}::text[])`;
      const stored = new Map(rows.map((row) => [row.key_id, row.value]));
      const loaded: { [id: string]: unknown } = {};
      for (const id of ids) {
        const key = boundKey(id);
        const name = `${type} ${key}`;
        // A write during the query is newer than its result.
        const newer = this.#dirty.get(name) ?? this.#cache.get(name);
        const bytes = stored.get(key);
        const value = newer ? newer.value : bytes ? this.#revive(type, key, bytes) : null;
        if (!newer && type !== "pre-key") this.#cache.set(name, { value });
        if (value !== null && value !== undefined) loaded[id] = value;
      }
      return loaded;
    } catch (error) {
      // Baileys would treat this error as a message that can't be decrypted, and reject the message permanently. The
      // connection must therefore end.
      this.#fail(error);
      throw error;
    }
  }

  /** Returns what a query reads. If the database can't be read, the connection must end (see `#load`). */
  async #readable<Result>(read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #revive(type: string, id: string, bytes: Buffer): unknown {
    const value = parseKey(this.#vault.open(bytes, this.#place(type, id)));
    return type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value as object) : value;
  }

  #set(data: SignalDataSet): void {
    const writes: KeyWrite[] = Object.entries(data).flatMap(([type, values]) =>
      Object.entries(values ?? {}).map(([id, value]) => ({ type, id: boundKey(id), value: value ?? null })),
    );
    const transaction = this.#current();
    if (!transaction) {
      this.#commit(writes, {});
      return;
    }
    for (const write of writes) transaction.writes.set(`${write.type} ${write.id}`, write);
  }

  /**
   * Runs transactions one at a time, even if their keys differ. Baileys locks by JID, but a contact has several JIDs
   * (phone number, LID, with and without device) for one ratchet. Two concurrent transactions would both step the
   * ratchet, and one step would be lost.
   */
  async #transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#current()) return work();
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    const transaction: Transaction = { writes: new Map(), extra: {}, ended: false };
    try {
      const result = await this.#openTransaction.run(transaction, work);
      this.#commit([...transaction.writes.values()], transaction.extra);
      return result;
    } finally {
      transaction.ended = true;
      resolve();
    }
  }

  /** Returns the transaction in which the caller runs, if it has not ended. */
  #current(): Transaction | undefined {
    const transaction = this.#openTransaction.getStore();
    return transaction?.ended ? undefined : transaction;
  }

  #commit(writes: KeyWrite[], extra: Change): void {
    if (writes.length === 0 && Object.keys(extra).length === 0) return;
    for (const write of writes) {
      const name = `${write.type} ${write.id}`;
      this.#dirty.set(name, { value: write.value });
      if (write.type === "pre-key") this.#cache.delete(name);
      else this.#cache.set(name, { value: write.value });
    }
    this.#record({ ...extra, keys: writes });
  }

  #place(type: string, id: string): string {
    return sealedPlace.sessionKey(this.#instanceId, type, id);
  }
}
