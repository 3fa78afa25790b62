import { randomBytes, randomInt } from "node:crypto";
import { proto } from "../../wire/baileys.ts";
import {
  cbcDecrypt,
  cbcEncrypt,
  generateKeyPair,
  hkdf,
  hmac,
  type KeyPair,
  sign,
  signalKey,
  verify,
} from "../../wire/crypto.ts";

const VERSION = Buffer.from([0x33]);
const MESSAGE_SEED = Buffer.from([1]);
const CHAIN_SEED = Buffer.from([2]);
/**
 * Limits on how many message keys a phone computes ahead, and how many sender keys it keeps per device. Source:
 * group_cipher.ts and sender-key-record.ts in Baileys' Signal/Group.
 */
const MAX_AHEAD = 2000;
const MAX_STATES = 5;

type Seed = { iteration: number; seed: Buffer };

function messageKey(seed: Buffer): { iv: Buffer; key: Buffer } {
  const derived = hkdf(seed, 48, { info: "WhisperGroup" });
  return { iv: derived.subarray(0, 16), key: derived.subarray(16) };
}

/** The sender key with which a phone encrypts its messages to a group. */
export class SenderKey {
  readonly id = randomInt(1, 2 ** 31 - 1);
  readonly #signing: KeyPair = generateKeyPair();
  #chain: Buffer = randomBytes(32);
  #iteration = 0;

  /** Returns a SenderKeyDistributionMessage, with which a device can decrypt the next message and all later ones. */
  distribution(): Buffer {
    const { id } = this;
    const fields = {
      id,
      iteration: this.#iteration,
      chainKey: this.#chain,
      signingKey: signalKey(this.#signing.public),
    };
    return Buffer.concat([VERSION, proto.SenderKeyDistributionMessage.encode(fields).finish()]);
  }

  encrypt(plaintext: Buffer): Buffer {
    const { iv, key } = messageKey(hmac(this.#chain, MESSAGE_SEED));
    const fields = { id: this.id, iteration: this.#iteration, ciphertext: cbcEncrypt(key, iv, plaintext) };
    const body = Buffer.concat([VERSION, proto.SenderKeyMessage.encode(fields).finish()]);
    this.#chain = hmac(this.#chain, CHAIN_SEED);
    this.#iteration++;
    return Buffer.concat([body, sign(this.#signing.private, body)]);
  }
}

/** Received sender keys by `<group> <device>`, newest first. */
export type SenderKeyRingState = Map<string, State[]>;

/** A received sender key. `skipped` has the message keys of messages that have not arrived yet, by iteration. */
type State = { id: number; signingKey: Buffer; next: Seed; skipped: Map<number, Buffer> };

/** The sender keys of other devices, by group and device. */
export class SenderKeyRing {
  readonly #states: SenderKeyRingState;

  constructor(states: SenderKeyRingState = new Map()) {
    this.#states = states;
  }

  clear(): void {
    this.#states.clear();
  }

  save(): SenderKeyRingState {
    return this.#states;
  }

  /** Stores a sender key. Throws if the distribution message is malformed. */
  accept(group: string, device: string, distribution: Buffer): void {
    const { id, iteration, chainKey, signingKey } = proto.SenderKeyDistributionMessage.decode(distribution.subarray(1));
    if (!chainKey?.length || !signingKey?.length) throw new Error("the sender key is incomplete");
    const states = this.#states.get(`${group} ${device}`) ?? [];
    const next = { iteration: iteration ?? 0, seed: Buffer.from(chainKey) };
    states.unshift({ id: id ?? 0, signingKey: Buffer.from(signingKey), next, skipped: new Map() });
    this.#states.set(`${group} ${device}`, states.slice(0, MAX_STATES));
  }

  /** Throws `RepeatedMessage` if the message was decrypted before, or `Error` if the message cannot be decrypted. */
  decrypt(group: string, device: string, message: Buffer): Buffer {
    const body = message.subarray(0, -64);
    const { id, iteration, ciphertext } = proto.SenderKeyMessage.decode(body.subarray(1));
    const state = this.#states.get(`${group} ${device}`)?.find((candidate) => candidate.id === id);
    if (!state || !ciphertext) throw new Error("there is no sender key for this message");
    if (!verify(state.signingKey, body, message.subarray(-64))) throw new Error("the sender's signature is wrong");
    const { iv, key } = messageKey(this.#seed(state, iteration ?? 0));
    return cbcDecrypt(key, iv, Buffer.from(ciphertext));
  }

  #seed(state: State, iteration: number): Buffer {
    if (iteration < state.next.iteration) {
      const skipped = state.skipped.get(iteration);
      if (!skipped) throw new RepeatedMessage(`sender key iteration ${iteration} was used before`);
      state.skipped.delete(iteration);
      return skipped;
    }
    if (iteration - state.next.iteration > MAX_AHEAD)
      throw new Error(`the message is more than ${MAX_AHEAD} iterations ahead`);
    let seed: Buffer = Buffer.alloc(0);
    while (state.next.iteration <= iteration) {
      seed = hmac(state.next.seed, MESSAGE_SEED);
      if (state.next.iteration < iteration) state.skipped.set(state.next.iteration, seed);
      state.next = { iteration: state.next.iteration + 1, seed: hmac(state.next.seed, CHAIN_SEED) };
    }
    for (const old of state.skipped.keys()) {
      if (state.skipped.size <= MAX_AHEAD) break;
      state.skipped.delete(old);
    }
    return seed;
  }
}

/** The message was decrypted before. */
export class RepeatedMessage extends Error {}
