import {
  type BinaryNode,
  DEFAULT_CONNECTION_CONFIG,
  getBinaryNodeChildren,
  type SignalRepositoryWithLIDStore,
  type SocketConfig,
} from "@whiskeysockets/baileys";
import { boundId } from "../../core/bound.ts";
import { sha256, type Vault } from "../../core/crypto/index.ts";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import type { Database } from "../../core/db/index.ts";
import { errorText } from "../../core/error-text.ts";
import type { Logger } from "../../core/log.ts";
import type { Change } from "../ledger/change.ts";
import { storedLids } from "./address/jids.ts";
import { boundLidCache } from "./address/lid-cache.ts";
import type { KeyStore } from "./key-store.ts";
import { currentPlan } from "./send/send-plan.ts";
import { orQuarantine, stanzaSource } from "./stanza-source.ts";

/** Returns the change that a decrypted stanza makes. `repository` resolves LIDs. */
export type Journal = (
  stanza: BinaryNode,
  plaintext: Uint8Array,
  repository: SignalRepositoryWithLIDStore,
) => Promise<Change>;

export interface JournalingOptions {
  db: Database;
  vault: Vault;
  instanceId: string;
  store: KeyStore;
  journal: Journal;
  /** Records that a stanza can't be decrypted, before Baileys asks its sender to send it again. */
  recordFailure: (stanza: BinaryNode, error: unknown) => void;
  /** Returns the plaintext of a stanza as Baileys gets it. */
  forBaileys: (stanza: BinaryNode, plaintext: Uint8Array) => Uint8Array;
  /** Called when the session's state can't be read. From then on, the connection must not send anything. */
  fail: (error: unknown) => void;
  log: Logger;
}

/**
 * Baileys' Signal repository, with a journal around decryption. The new state of the ratchet, the plaintext, and the
 * message with its event are recorded as one change before Baileys sends the receipt. Signal cannot decrypt a message
 * twice. If a message was decrypted before a crash, its plaintext is read from the inbox.
 */
export class JournalingSignal {
  readonly #options: JournalingOptions;
  /** The stanza of each ciphertext. Baileys passes this same object to the decryption, but not the stanza. */
  readonly #stanzas = new WeakMap<Uint8Array, BinaryNode>();

  constructor(options: JournalingOptions) {
    this.#options = options;
  }

  /**
   * Notes which stanza a ciphertext belongs to. Call this for each `message` stanza before Baileys handles the stanza.
   */
  noteStanza(stanza: BinaryNode): void {
    for (const enc of getBinaryNodeChildren(stanza, "enc")) {
      if (enc.content instanceof Uint8Array) this.#stanzas.set(enc.content, stanza);
    }
  }

  readonly makeRepository: SocketConfig["makeSignalRepository"] = (auth, logger, pnToLid) => {
    const { store } = this.#options;
    const inner = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
      { creds: auth.creds, keys: store.keys },
      logger,
      pnToLid,
    );
    boundLidCache(inner);
    answerFromStore(inner.lidMapping, store);
    const repository: SignalRepositoryWithLIDStore = {
      ...inner,
      // The sessions of a plan are open. If one has ended since, its device gets no copy.
      validateSession: async (jid) => (currentPlan() ? { exists: true } : await inner.validateSession(jid)),
      decryptMessage: (message) =>
        store.keys.transaction(
          () => this.#decrypt(message.ciphertext, () => inner.decryptMessage(message), repository),
          message.jid,
        ),
      decryptGroupMessage: (message) =>
        store.keys.transaction(
          () => this.#decrypt(message.msg, () => inner.decryptGroupMessage(message), repository),
          message.group,
        ),
    };
    return repository;
  };

  async #decrypt(
    ciphertext: Uint8Array,
    decrypt: () => Promise<Uint8Array>,
    repository: SignalRepositoryWithLIDStore,
  ): Promise<Uint8Array> {
    const { store, journal, forBaileys, log, instanceId } = this.#options;
    const stanza = this.#stanzas.get(ciphertext);
    if (!stanza?.attrs.id) return await decrypt();
    const waId = boundId(stanza.attrs.id);
    const hash = sha256(ciphertext);
    let plaintext: Uint8Array;
    try {
      plaintext = await decrypt();
    } catch (error) {
      const stored = await this.#readInbox(waId, hash);
      if (!stored) {
        const reason = errorText(error);
        log.warn(
          { correlationId: waId, instanceId, waId, reason },
          "a message can't be decrypted; asking the sender to send it again",
        );
        this.#options.recordFailure(stanza, error);
        throw error;
      }
      store.discard();
      return forBaileys(stanza, stored);
    }
    const source = stanzaSource(stanza, plaintext);
    const change = await orQuarantine(() => journal(stanza, plaintext, repository), source, log);
    store.attach({ ...change, inbox: [{ waId, hash, plaintext }], correlationId: waId });
    return forBaileys(stanza, plaintext);
  }

  /** Returns the plaintext of a message that was decrypted earlier. */
  async #readInbox(waId: string, hash: Buffer): Promise<Uint8Array | undefined> {
    const { db, vault, instanceId, fail } = this.#options;
    try {
      const [row] = await db.sql<{ plaintext: Buffer }[]>`
        select plaintext from session_inbox where instance_id = ${instanceId} and wa_id = ${waId} and hash = ${hash}`;
      return row && vault.open(row.plaintext, sealedPlace.inboxPlaintext(instanceId, waId));
    } catch (error) {
      fail(error);
      throw error;
    }
  }
}

/**
 * Makes Baileys take LIDs from the store alone while it decrypts or encrypts, because other messages wait for that.
 * Elsewhere, it asks WhatsApp for the LID of an unknown number (7.0.0-rc14, Signal/lid-mapping.js).
 */
function answerFromStore(mapping: SignalRepositoryWithLIDStore["lidMapping"], { keys }: KeyStore): void {
  const lookUp = mapping.getLIDsForPNs.bind(mapping);
  mapping.getLIDsForPNs = (numbers) =>
    keys.isInTransaction() || currentPlan() ? storedLids(keys, numbers) : lookUp(numbers);
}
