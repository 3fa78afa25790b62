import { randomBytes } from "node:crypto";
import type { Connection } from "../../model/connection.ts";
import type { PasskeyAnswer } from "../../model/link/passkey.ts";
import type { PasskeyCeremony } from "../../model/link/passkey-ceremony.ts";
import type { World } from "../../model/world.ts";
import { proto } from "../../wire/baileys.ts";
import { gcmDecrypt, generateKeyPair, hkdf, hmac, sha256, sharedKey } from "../../wire/crypto.ts";
import { SERVER_JID } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { Refusal } from "../errors.ts";
import { result } from "../iq.ts";

/** Asks the client for a passkey. Source: `handlePasskeyNotification` in whatsmeow's pair-passkey.go. */
export function demandPasskey(world: World, connection: Connection, ceremony: PasskeyCeremony): void {
  const { pairing } = connection;
  if (!pairing) throw new Error("the socket does not wait to be linked");
  pairing.passkey = ceremony;
  notify(world, connection, "passkey_prologue_request", [
    node("passkey_request_options", {}, Buffer.from(JSON.stringify(ceremony.options))),
  ]);
}

const notify = (world: World, connection: Connection, type: string, content: BinaryNode[]) =>
  connection.send(node("notification", { from: SERVER_JID, type, id: world.nextId(), t: world.seconds }, content));

type Handler = (iq: BinaryNode, origin: { world: World; connection: Connection; ceremony: PasskeyCeremony }) => void;

/** The requests of a client that pairs with a passkey. Source: whatsmeow's pair-passkey.go. */
const handlers: Record<string, Handler> = {
  passkey_prologue(iq, { world, connection, ceremony }) {
    const prologue = child(iq, "passkey_prologue");
    const answer = JSON.parse(text(child(prologue, "webauthn_assertion"))) as PasskeyAnswer;
    const { account, options, advSecret } = ceremony;
    const id = bytes(child(prologue, "credential_id"))?.toString("base64url");
    if (id !== answer.rawId || !account.passkey?.accepts(options, answer)) throw new Refusal(403, "forbidden");
    const payload = bytes(child(prologue, "prologue_payload")) ?? Buffer.alloc(0);
    const { companionEphemeralIdentity, commitment } = proto.ProloguePayload.decode(payload);
    const proof = bytes(child(prologue, "pairing_handoff_proof"));
    const handoffKey = hkdf(advSecret, 32, { info: "shortcake-passkey-handoff-v1" });
    if (proof && !proof.equals(hmac(handoffKey, payload))) throw new Refusal(401, "not-authorized");
    ceremony.trusting = proof !== undefined;
    ceremony.identity = Buffer.from(companionEphemeralIdentity ?? []);
    ceremony.commitment = Buffer.from(commitment?.hash ?? []);
    const { ref } = proto.CompanionEphemeralIdentity.decode(ceremony.identity);
    if (!ref || ref !== ceremony.ref) throw new Refusal(409, "conflict");
    const identity = proto.PrimaryEphemeralIdentity.encode({ publicKey: ceremony.keys.public, nonce: ceremony.nonce });
    // The answer must precede the notification.
    queueMicrotask(() =>
      notify(world, connection, "crsc_continuation", [
        node("primary_ephemeral_identity", {}, Buffer.from(identity.finish())),
      ]),
    );
  },
  companion_nonce(iq, { ceremony }) {
    const nonce = bytes(child(iq, "companion_nonce"));
    const { identity, commitment, keys } = ceremony;
    if (!nonce || !identity || !commitment?.equals(sha256(identity, nonce)))
      throw new Refusal(400, "the nonce does not match the commitment");
    ceremony.companionNonce = nonce;
    const digest = sha256(nonce, keys.public);
    ceremony.code = Buffer.from(digest.subarray(0, 5).map((byte, index) => byte ^ (ceremony.nonce[index] ?? 0)));
  },
  encrypted_pairing_request(iq, { connection, ceremony }) {
    const { identity, companionNonce, keys, approve } = ceremony;
    if (!identity || !companionNonce) throw new Refusal(409, "conflict");
    const { publicKey, deviceType, ref } = proto.CompanionEphemeralIdentity.decode(identity);
    const salt = Buffer.from(`Companion Pairing ${deviceType} with ref ${ref}`);
    const shared = sharedKey(keys.private, Buffer.from(publicKey ?? []));
    const key = hkdf(shared, 32, { salt, info: "Pairing Information Encryption Key" });
    const wrapped = proto.EncryptedPairingRequest.decode(
      bytes(child(iq, "encrypted_pairing_request")) ?? Buffer.alloc(0),
    );
    const [iv, payload] = [Buffer.from(wrapped.iv ?? []), Buffer.from(wrapped.encryptedPayload ?? [])];
    const request = proto.PairingRequest.decode(gcmDecrypt(key, iv, payload));
    const registration = connection.pairing?.registration;
    if (!registration?.noiseKey.equals(Buffer.from(request.companionPublicKey ?? [])))
      throw new BadStanza("the Noise key in the pairing request is not the client's");
    const identityKey = Buffer.from(request.companionIdentityKey ?? []);
    if (!registration.identityKey.equals(identityKey))
      throw new BadStanza("the identity key in the pairing request is not the client's");
    // The answer must precede `pair-success`. A client that gives up meanwhile rejects the promise of the scan.
    queueMicrotask(() => void approve(identityKey, Buffer.from(request.advSecret ?? [])).catch(() => undefined));
  },
};

/** Handles a step of the pairing with a passkey. Returns undefined if the request is none. */
export function passkeyStep(
  iq: BinaryNode,
  { world, connection }: { world: World; connection: Connection },
): BinaryNode | undefined {
  const ceremony = connection.pairing?.passkey;
  if (iq.attrs.type === "get" && child(iq, "ref")) {
    const ref = `3@${randomBytes(24).toString("base64url")}`;
    if (ceremony) ceremony.ref = ref;
    return result(iq, [node("ref", {}, Buffer.from(ref))]);
  }
  const tag = Object.keys(handlers).find((name) => child(iq, name));
  if (!tag) return undefined;
  if (!ceremony) throw new Refusal(409, "conflict");
  handlers[tag]?.(iq, { world, connection, ceremony });
  return result(iq);
}

const text = (stanza: BinaryNode | undefined) => String(bytes(stanza) ?? "");

export const newCeremonyKeys = () => ({ keys: generateKeyPair(), nonce: randomBytes(32) });
