import { createHash, randomBytes } from "node:crypto";
import {
  aesEncryptGCM,
  type BinaryNode,
  bytesToCrockford,
  Curve,
  getBinaryNodeChild,
  getBinaryNodeChildBuffer,
  hkdf,
  hmacSign,
  type KeyPair,
  proto,
  S_WHATSAPP_NET,
  type WASocket,
} from "@whiskeysockets/baileys";
import { AppError } from "../../../core/error.ts";
import { type PasskeyAnswer, type PasskeyOptions, passkeyOptions } from "../../../core/instance/passkey.ts";
import { within } from "../../../core/timeout.ts";

/** WhatsApp's request for a passkey, and when it becomes useless. */
export interface PasskeyDemand {
  options: PasskeyOptions;
  expiresAt: Date;
}

/** How long the phone may take to continue after WhatsApp has accepted the answer, in milliseconds. */
const continuationMs = 60_000;
const queryMs = 20_000;
/** How long the QR code proves that the phone and this client belong together. Source: `passkeyHandoffKey` in whatsmeow. */
const handoffMs = 5 * 60_000;
/** What Baileys says about itself when it links (`getPlatformType` in `Utils/validate-connection.js`). */
const deviceType = proto.DeviceProps.PlatformType.CHROME;

/** The state of the pairing between the answer of the passkey and the request for the link. */
interface Exchange {
  keys: KeyPair;
  nonce: Buffer;
  ref: string;
}

/**
 * The pairing of an account that demands a passkey, on one connection. WhatsApp calls it Shortcake. Source: whatsmeow's
 * `pair-passkey.go`. Baileys 7.0.0-rc14 doesn't implement it. Everything here uses its public functions.
 */
export class Passkey {
  readonly #sock: WASocket;
  readonly #onDemand: (demand: PasskeyDemand) => void;
  #demand: PasskeyDemand | undefined;
  #handoff: { key: Buffer; at: number } | undefined;
  /** Passes the phone's public key and nonce to the answer that waits for it. */
  #continued: ((identity: proto.PrimaryEphemeralIdentity) => void) | undefined;
  #encryptionKey: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(sock: WASocket, onDemand: (demand: PasskeyDemand) => void) {
    this.#sock = sock;
    this.#onDemand = onDemand;
    sock.ws.on("CB:notification,type:passkey_prologue_request", (stanza: BinaryNode) => this.#receiveDemand(stanza));
    sock.ws.on("CB:notification,type:crsc_continuation", (stanza: BinaryNode) => this.#receiveContinuation(stanza));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Passes the answer of the passkey to WhatsApp. Returns null if the phone needs nothing else, otherwise a code that a
   * person must compare with the code on the phone before `confirm`.
   */
  async answer(answer: PasskeyAnswer): Promise<string | null> {
    this.#assertDemanded();
    const ref = await this.#fetchRef();
    const exchange: Exchange = { keys: Curve.generateKeyPair(), nonce: randomBytes(32), ref };
    const identity = proto.CompanionEphemeralIdentity.encode({ publicKey: exchange.keys.public, deviceType, ref });
    const encoded = Buffer.from(identity.finish());
    const hash = createHash("sha256").update(encoded).update(exchange.nonce).digest();
    const prologue = Buffer.from(
      proto.ProloguePayload.encode({ companionEphemeralIdentity: encoded, commitment: { hash } }).finish(),
    );
    const content = [
      node("credential_id", Buffer.from(answer.rawId, "base64url")),
      node("webauthn_assertion", Buffer.from(JSON.stringify(answer))),
      node("prologue_payload", prologue),
    ];
    // With this proof, the phone needs no comparison of codes.
    const handoff = this.#handoff && Date.now() - this.#handoff.at < handoffMs ? this.#handoff : undefined;
    if (handoff) content.push(node("pairing_handoff_proof", hmacSign(prologue, handoff.key)));
    const continued = new Promise<proto.PrimaryEphemeralIdentity>((resolve) => {
      this.#continued = resolve;
    });
    await this.#send("passkey_prologue", content);
    const late = () => new AppError("whatsapp_error", "the phone did not continue after the answer of the passkey");
    const primary = await within(continuationMs, continued, late);
    const code = await this.#continue(exchange, primary);
    if (!handoff) return code;
    await this.confirm();
    return null;
  }

  /** Asks the phone to link this device, after a person has compared the codes. */
  async confirm(): Promise<void> {
    const key = this.#encryptionKey;
    if (!key) throw new AppError("conflict", "no answer of a passkey waits for a confirmation");
    const { noiseKey, signedIdentityKey, advSecretKey } = this.#sock.authState.creds;
    const request = proto.PairingRequest.encode({
      companionPublicKey: noiseKey.public,
      companionIdentityKey: signedIdentityKey.public,
      advSecret: Buffer.from(advSecretKey, "base64"),
    }).finish();
    const iv = randomBytes(12);
    const encryptedPayload = aesEncryptGCM(request, key, iv, new Uint8Array());
    const wrapped = proto.EncryptedPairingRequest.encode({ encryptedPayload, iv }).finish();
    await this.#send("encrypted_pairing_request", Buffer.from(wrapped));
    this.#encryptionKey = undefined;
  }

  #receiveDemand(stanza: BinaryNode): void {
    this.#acknowledge(stanza);
    const options = readOptions(stanza);
    if (!options) return;
    const { creds } = this.#sock.authState;
    const secret = Buffer.from(creds.advSecretKey, "base64");
    this.#handoff = { key: Buffer.from(hkdf(secret, 32, { info: "shortcake-passkey-handoff-v1" })), at: Date.now() };
    // The phone gets the new secret only after the passkey. The QR code contains the old one.
    this.#sock.ev.emit("creds.update", { advSecretKey: randomBytes(32).toString("base64") });
    this.#demand = { options, expiresAt: new Date(Date.now() + options.timeout) };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sock.end(new Error("the passkey was not answered")), options.timeout);
    this.#onDemand(this.#demand);
  }

  #receiveContinuation(stanza: BinaryNode): void {
    this.#acknowledge(stanza);
    const content = getBinaryNodeChildBuffer(stanza, "primary_ephemeral_identity");
    if (!content) return;
    const identity = proto.PrimaryEphemeralIdentity.decode(content);
    if (identity.publicKey?.length === 32 && identity.nonce?.length === 32) this.#continued?.(identity);
  }

  /** Returns the code that the phone also shows. */
  async #continue({ keys, nonce, ref }: Exchange, primary: proto.PrimaryEphemeralIdentity): Promise<string> {
    const publicKey = Buffer.from(primary.publicKey ?? []);
    const shared = Curve.sharedKey(keys.private, publicKey);
    await this.#send("companion_nonce", nonce);
    const salt = Buffer.from(`Companion Pairing ${deviceType} with ref ${ref}`);
    this.#encryptionKey = Buffer.from(hkdf(shared, 32, { salt, info: "Pairing Information Encryption Key" }));
    const digest = createHash("sha256").update(nonce).update(publicKey).digest();
    const theirs = Buffer.from(primary.nonce ?? []);
    const code = bytesToCrockford(Buffer.from(digest.subarray(0, 5).map((byte, index) => byte ^ (theirs[index] ?? 0))));
    return `${code.slice(0, 4)}-${code.slice(4)}`;
  }

  #assertDemanded(): void {
    if (!this.#demand || this.#demand.expiresAt.getTime() <= Date.now())
      throw new AppError("conflict", "WhatsApp does not ask for a passkey now: scan a QR code first");
  }

  async #fetchRef(): Promise<string> {
    const answer = await this.#query("get", { tag: "ref", attrs: {} });
    const ref = getBinaryNodeChildBuffer(answer, "ref");
    if (!ref) throw new AppError("whatsapp_error", "WhatsApp did not send a reference for the pairing");
    return Buffer.from(ref).toString();
  }

  async #send(tag: string, content: BinaryNode[] | Uint8Array): Promise<void> {
    await this.#query("set", { tag, attrs: {}, content });
  }

  /** Throws `whatsapp_error` if WhatsApp refuses or does not answer. */
  async #query(type: "get" | "set", child: BinaryNode): Promise<BinaryNode> {
    const attrs = { to: S_WHATSAPP_NET, type, xmlns: "md" };
    try {
      return await this.#sock.query({ tag: "iq", attrs, content: [child] }, queryMs);
    } catch (error) {
      const { data } = (error ?? {}) as { data?: unknown };
      const how = typeof data === "number" ? `refused (error ${data})` : "did not answer";
      throw new AppError("whatsapp_error", `WhatsApp ${how} the step "${child.tag}" of the passkey`, { cause: error });
    }
  }

  /** Before a QR code is scanned, Baileys can't acknowledge notifications, because it doesn't know its own JID. */
  #acknowledge({ attrs: { id = "", from = S_WHATSAPP_NET, type = "" } }: BinaryNode): void {
    if (this.#sock.authState.creds.me) return;
    const attrs = { id, to: from, class: "notification", type };
    void this.#sock.sendNode({ tag: "ack", attrs }).catch(() => undefined);
  }
}

const node = (tag: string, content: Uint8Array): BinaryNode => ({ tag, attrs: {}, content });

/** Returns the options in a request, which are JSON. Returns undefined if the request is not from WhatsApp or malformed. */
function readOptions(stanza: BinaryNode): PasskeyOptions | undefined {
  const child = getBinaryNodeChild(stanza, "passkey_request_options");
  if (stanza.attrs.from !== S_WHATSAPP_NET || !(child?.content instanceof Uint8Array)) return undefined;
  try {
    return passkeyOptions.parse(JSON.parse(Buffer.from(child.content).toString()));
  } catch {
    return undefined;
  }
}
