import { randomInt } from "node:crypto";
import { ProtocolAddress, SessionBuilder, SessionCipher, SessionRecord, type SignalStorage } from "libsignal";
import type { Bundle } from "../../model/link/credentials.ts";
import { generateKeyPair, type KeyPair, sign, signalKey, verify } from "../../wire/crypto.ts";
import { readPreKeyMessage, readRatchetKey } from "../../wire/protobuf.ts";

/** Members of libsignal's classes that its types lack. */
type Session = { getChain(key: Buffer): unknown };
type OpenRecord = SessionRecord & {
  sessions: Record<string, unknown>;
  getOpenSession(): Session | undefined;
};
type Entry = Session & { serialize(): object };
type EntryClass = { deserialize(data: object): Entry };
type LibsignalPair = { privKey: Buffer; pubKey: Buffer };

export type Ciphertext = { type: "pkmsg" | "msg"; body: Buffer };

/** A saved store. Binary values are base64. */
export type SignalState = {
  registrationId: number;
  identity: { public: string; private: string };
  signedPreKey: { id: number; public: string; private: string };
  nextPreKeyId: number;
  preKeys: Record<string, { public: string; private: string }>;
  sessions: Record<string, unknown>;
};

const pair = (key: KeyPair): LibsignalPair => ({ privKey: key.private, pubKey: signalKey(key.public) });
const pack = (key: KeyPair) => ({ public: key.public.toString("base64"), private: key.private.toString("base64") });
const unpack = (key: { public: string; private: string }): KeyPair => ({
  public: Buffer.from(key.public, "base64"),
  private: Buffer.from(key.private, "base64"),
});

/**
 * Makes a cipher restore a session with which a message does not decrypt. libsignal tries a message with each session of a
 * contact, and steps the session's ratchet before it checks the MAC (6.0.0, `maybeStepRatchet` in `session_cipher.js`). If
 * a later session decrypts the message, libsignal would store the earlier one with a ratchet that its peer does not have.
 */
function restoring(cipher: SessionCipher): SessionCipher {
  const own = cipher as SessionCipher & { doDecryptWhisperMessage(message: Buffer, session: Entry): Promise<Buffer> };
  const decrypt = own.doDecryptWhisperMessage.bind(own);
  own.doDecryptWhisperMessage = async (message, session) => {
    if (session.getChain(Buffer.from(readRatchetKey(message)))) return await decrypt(message, session);
    const before = session.serialize();
    try {
      return await decrypt(message, session);
    } catch (error) {
      for (const field of Object.keys(session)) Reflect.deleteProperty(session, field);
      Object.assign(session, (session.constructor as unknown as EntryClass).deserialize(before));
      throw error;
    }
  };
  return own;
}

/**
 * A phone's Signal keys and sessions. Sessions stay in memory as libsignal's own objects, because converting them to JSON for
 * each message takes longer than the encryption. Addresses have the form `<lid>.<device>`.
 */
export class SignalStore {
  readonly identity: KeyPair;
  readonly registrationId: number;
  readonly #signedPreKey: KeyPair & { id: number };
  readonly #signature: Buffer;
  #preKeys = new Map<number, KeyPair>();
  #nextPreKeyId = 1;
  #sessions = new Map<string, OpenRecord>();
  readonly #scope: string;
  readonly #storage: SignalStorage;

  /** @param scope prefix of this phone's jobs in libsignal's queue, which the whole process shares */
  constructor(scope: string, state?: SignalState) {
    this.#scope = scope;
    this.identity = state ? unpack(state.identity) : generateKeyPair();
    this.registrationId = state?.registrationId ?? randomInt(1, 16380);
    this.#signedPreKey = state
      ? { ...unpack(state.signedPreKey), id: state.signedPreKey.id }
      : { ...generateKeyPair(), id: 1 };
    this.#signature = sign(this.identity.private, signalKey(this.#signedPreKey.public));
    this.#nextPreKeyId = state?.nextPreKeyId ?? 1;
    for (const [id, key] of Object.entries(state?.preKeys ?? {})) this.#preKeys.set(Number(id), unpack(key));
    for (const [address, record] of Object.entries(state?.sessions ?? {})) {
      this.#sessions.set(address, SessionRecord.deserialize(record as Uint8Array) as OpenRecord);
    }
    this.#storage = {
      loadSession: async (id) => this.#sessions.get(this.#address(id)),
      storeSession: async (id, record) => {
        this.#sessions.set(this.#address(id), record as OpenRecord);
      },
      // The receiver checks the account's signature of an identity key before libsignal decrypts the message.
      isTrustedIdentity: () => true,
      loadPreKey: async (id) => {
        const key = this.#preKeys.get(Number(id));
        return key && pair(key);
      },
      removePreKey: (id) => void this.#preKeys.delete(Number(id)),
      loadSignedPreKey: () => pair(this.#signedPreKey),
      getOurRegistrationId: () => this.registrationId,
      getOurIdentity: () => pair(this.identity),
    };
  }

  #address(id: string): string {
    return id.slice(this.#scope.length + 1);
  }

  #protocolAddress(address: string): ProtocolAddress {
    const dot = address.lastIndexOf(".");
    return new ProtocolAddress(`${this.#scope}/${address.slice(0, dot)}`, Number(address.slice(dot + 1)));
  }

  /** Returns a bundle with a new one-time prekey. */
  bundle(): Bundle {
    const key = generateKeyPair();
    const id = this.#nextPreKeyId++;
    this.#preKeys.set(id, key);
    const signed = this.#signedPreKey;
    return {
      registrationId: this.registrationId,
      identityKey: this.identity.public,
      signedPreKey: { id: signed.id, public: signed.public, signature: this.#signature },
      preKey: { id, public: key.public },
    };
  }

  hasSession(address: string): boolean {
    return this.#sessions.get(address)?.haveOpenSession() ?? false;
  }

  /**
   * Opens a session, which replaces any existing session with the device. Throws if the identity key did not sign the
   * signed prekey.
   */
  async open(address: string, bundle: Bundle): Promise<void> {
    const { identityKey, signedPreKey, preKey, registrationId } = bundle;
    if (!verify(identityKey, signalKey(signedPreKey.public), signedPreKey.signature)) {
      throw new Error(`the signed prekey of ${address} is not signed by its identity key`);
    }
    const oneTimePreKey = preKey && { keyId: preKey.id, publicKey: signalKey(preKey.public) };
    const session = {
      registrationId,
      identityKey: signalKey(identityKey),
      signedPreKey: {
        keyId: signedPreKey.id,
        publicKey: signalKey(signedPreKey.public),
        signature: signedPreKey.signature,
      },
      ...(oneTimePreKey && { preKey: oneTimePreKey }),
    };
    type Session = Parameters<SessionBuilder["initOutgoing"]>[0];
    await new SessionBuilder(this.#storage, this.#protocolAddress(address)).initOutgoing(session as Session);
  }

  async encrypt(address: string, plaintext: Buffer): Promise<Ciphertext> {
    const cipher = new SessionCipher(this.#storage, this.#protocolAddress(address));
    const { type, body } = await cipher.encrypt(plaintext);
    return { type: type === 3 ? "pkmsg" : "msg", body: body as unknown as Buffer };
  }

  /** Throws if the ciphertext is damaged or repeated, or if there is no session. A failure does not change the sessions. */
  async decrypt(address: string, ciphertext: Ciphertext): Promise<Buffer> {
    const storage = { ...this.#storage, loadSession: async () => this.#recordFor(address, ciphertext) };
    const cipher = restoring(new SessionCipher(storage, this.#protocolAddress(address)));
    const { type, body } = ciphertext;
    return type === "pkmsg" ? await cipher.decryptPreKeyWhisperMessage(body) : await cipher.decryptWhisperMessage(body);
  }

  /**
   * Returns the sessions for a decryption, as a copy if a failure could change them. libsignal calls this within its queue
   * of jobs of the address, and stores the copy only if the message decrypts. So a failure changes nothing that another job
   * reads.
   */
  #recordFor(address: string, ciphertext: Ciphertext): OpenRecord | undefined {
    const record = this.#sessions.get(address);
    if (!record || !this.#needsCopy(record, ciphertext)) return record;
    return SessionRecord.deserialize(record.serialize() as Uint8Array) as OpenRecord;
  }

  /**
   * Whether a failed decryption could change the sessions: libsignal changes a session before it checks the MAC. After a
   * ratchet step, nothing can undo that.
   */
  #needsCopy(record: OpenRecord, { type, body }: Ciphertext): boolean {
    if (type === "pkmsg") return !(readPreKeyMessage(body).baseKey.toString("base64") in record.sessions);
    if (Object.keys(record.sessions).length > 1) return true;
    return !record.getOpenSession()?.getChain(Buffer.from(readRatchetKey(body)));
  }

  save(): SignalState {
    const sessions = [...this.#sessions].map(([address, record]) => [address, record.serialize()]);
    return {
      registrationId: this.registrationId,
      identity: pack(this.identity),
      signedPreKey: { ...pack(this.#signedPreKey), id: this.#signedPreKey.id },
      nextPreKeyId: this.#nextPreKeyId,
      preKeys: Object.fromEntries([...this.#preKeys].map(([id, key]) => [id, pack(key)])),
      sessions: Object.fromEntries(sessions),
    };
  }
}
