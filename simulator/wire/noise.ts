import type { KeyObject } from "node:crypto";
import { proto } from "./baileys.ts";
import type { Certificates } from "./certificate.ts";
import { gcmDecrypt, gcmEncrypt, generateKeyPair, hkdf, secretKey, sha256, sharedKey } from "./crypto.ts";

const PROTOCOL = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0");
const EMPTY = Buffer.alloc(0);
/** `WA`, then the protocol version and the token dictionary version: `NOISE_WA_HEADER` in Baileys. */
export const NOISE_HEADER = Buffer.from([0x57, 0x41, 6, 3]);

/** The content of the last handshake message: the client's Noise key, which the handshake verifies, and its login data. */
export type ClientFinish = { noiseKey: Buffer; payload: proto.ClientPayload };

/** One direction of the encrypted connection: a key and a message counter. */
class Direction {
  #key: KeyObject;
  #counter = 0;
  #iv = Buffer.alloc(12);

  constructor(key: Buffer) {
    this.#key = secretKey(key);
  }

  #nextIv(): Buffer {
    this.#iv.writeUInt32BE(this.#counter++, 8);
    return this.#iv;
  }

  encrypt(plaintext: Uint8Array): Buffer {
    return gcmEncrypt(this.#key, this.#nextIv(), plaintext);
  }

  decrypt(ciphertext: Uint8Array): Buffer {
    return gcmDecrypt(this.#key, this.#nextIv(), ciphertext);
  }
}

/**
 * The server's side of one connection: the Noise XX handshake, then encryption. The methods throw if a message is
 * forged.
 */
export class NoiseResponder {
  #certificates: Certificates;
  #ephemeral = generateKeyPair();
  #hash: Buffer = PROTOCOL;
  #salt: Buffer = PROTOCOL;
  #key: Buffer = PROTOCOL;
  #counter = 0;
  #incoming: Direction | undefined;
  #outgoing: Direction | undefined;

  constructor(certificates: Certificates) {
    this.#certificates = certificates;
    this.#mixHash(NOISE_HEADER);
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = sha256(this.#hash, data);
  }

  #mixKey(input: Uint8Array): void {
    const derived = hkdf(input, 64, { salt: this.#salt });
    this.#salt = derived.subarray(0, 32);
    this.#key = derived.subarray(32);
    this.#counter = 0;
  }

  #iv(): Buffer {
    const iv = Buffer.alloc(12);
    iv.writeUInt32BE(this.#counter++, 8);
    return iv;
  }

  #seal(plaintext: Uint8Array): Buffer {
    const sealed = gcmEncrypt(this.#key, this.#iv(), plaintext, this.#hash);
    this.#mixHash(sealed);
    return sealed;
  }

  #open(sealed: Uint8Array): Buffer {
    const plaintext = gcmDecrypt(this.#key, this.#iv(), sealed, this.#hash);
    this.#mixHash(sealed);
    return plaintext;
  }

  /** Reads the ClientHello and returns the encoded ServerHello. */
  hello(frame: Uint8Array): Buffer {
    const clientEphemeral = proto.HandshakeMessage.decode(frame).clientHello?.ephemeral;
    if (clientEphemeral?.length !== 32) throw new Error("the ClientHello has no valid ephemeral key");
    this.#mixHash(clientEphemeral);
    this.#mixHash(this.#ephemeral.public);
    this.#mixKey(sharedKey(this.#ephemeral.private, clientEphemeral));
    const sealedStatic = this.#seal(this.#certificates.server.public);
    this.#mixKey(sharedKey(this.#certificates.server.private, clientEphemeral));
    const payload = this.#seal(this.#certificates.chain);
    return Buffer.from(
      proto.HandshakeMessage.encode({
        serverHello: { ephemeral: this.#ephemeral.public, static: sealedStatic, payload },
      }).finish(),
    );
  }

  /** Reads the ClientFinish. `encrypt` and `decrypt` work from then on. */
  finish(frame: Uint8Array): ClientFinish {
    const message = proto.HandshakeMessage.decode(frame).clientFinish;
    if (!message?.static?.length || !message.payload?.length) throw new Error("the ClientFinish is incomplete");
    const noiseKey = this.#open(message.static);
    this.#mixKey(sharedKey(this.#ephemeral.private, noiseKey));
    const payload = proto.ClientPayload.decode(this.#open(message.payload));
    const derived = hkdf(EMPTY, 64, { salt: this.#salt });
    this.#incoming = new Direction(derived.subarray(0, 32));
    this.#outgoing = new Direction(derived.subarray(32));
    return { noiseKey, payload };
  }

  encrypt(plaintext: Uint8Array): Buffer {
    if (!this.#outgoing) throw new Error("the Noise handshake is not finished");
    return this.#outgoing.encrypt(plaintext);
  }

  decrypt(ciphertext: Uint8Array): Buffer {
    if (!this.#incoming) throw new Error("the Noise handshake is not finished");
    return this.#incoming.decrypt(ciphertext);
  }
}
