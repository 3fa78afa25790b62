import { randomBytes, randomInt } from "node:crypto";
import type { Device } from "../model/account.ts";
import type { Connection } from "../model/connection.ts";
import type { LinkCodeHello, PairingOffer } from "../model/link/pairing.ts";
import { approvePairing } from "../stanza/device/pairing.ts";
import { demandPasskey, newCeremonyKeys } from "../stanza/device/passkey.ts";
import { proto } from "../wire/baileys.ts";
import { ctr, gcmDecrypt, generateKeyPair, hkdf, hmac, pairingCodeKey, sharedKey, sign } from "../wire/crypto.ts";
import { accountSignatureInput } from "../wire/device-identity.ts";
import { SERVER_JID } from "../wire/jid.ts";
import { node } from "../wire/node.ts";
import type { PhoneBase } from "./base.ts";

/** Source: Baileys#2689. */
const PASSKEY_TIMEOUT_MS = 600_000;

/** A client cannot be linked, for example because the code is wrong, or the device to unlink is not linked. */
export class PairingError extends Error {}

/**
 * Scans a QR code: `ref,noise,identity,advSecret[,platform]`, which can follow a URL and `#`. Links the client that shows it.
 */
export function scanQr(phone: PhoneBase, qr: string): Promise<Device> {
  const [ref = "", noise = "", identity = "", secret = ""] = qr.slice(qr.indexOf("#") + 1).split(",");
  const connection = phone.world.pairings.get(ref);
  const registration = connection?.pairing?.registration;
  if (!connection || !registration) throw new PairingError("the QR code is unknown or has expired");
  if (!registration.noiseKey.equals(Buffer.from(noise, "base64")))
    throw new PairingError("the Noise key in the QR code is not the client's");
  const identityKey = Buffer.from(identity, "base64");
  if (!registration.identityKey.equals(identityKey))
    throw new PairingError("the identity key in the QR code is not the client's");
  return admit(phone, connection, identityKey, Buffer.from(secret, "base64"));
}

/** Links the client, or asks it for the passkey of the account first. */
function admit(phone: PhoneBase, connection: Connection, identityKey: Buffer, advSecret: Buffer): Promise<Device> {
  const { account, world } = phone;
  const { pairing } = connection;
  if (!account.passkey || !pairing) return approve(phone, connection, identityKey, advSecret);
  const options = account.passkey.options(PASSKEY_TIMEOUT_MS);
  const approval = (key: Buffer, secret: Buffer) => approve(phone, connection, key, secret);
  const ceremony = { account, options, advSecret, trusting: false, ...newCeremonyKeys(), approve: approval };
  demandPasskey(world, connection, ceremony);
  return pairing.paired;
}

function approve(phone: PhoneBase, connection: Connection, identityKey: Buffer, advSecret: Buffer): Promise<Device> {
  const { account, signal, world } = phone;
  const keyIndex = account.nextDeviceId++;
  const details = proto.ADVDeviceIdentity.encode({
    rawId: randomInt(1, 2 ** 31),
    timestamp: Math.floor(world.clock() / 1000),
    keyIndex,
  }).finish();
  const signedIdentity = Buffer.from(
    proto.ADVSignedDeviceIdentity.encode({
      details,
      accountSignatureKey: signal.identity.public,
      accountSignature: sign(signal.identity.private, accountSignatureInput(details, identityKey)),
    }).finish(),
  );
  const approval = { account, signedIdentity, hmac: hmac(advSecret, signedIdentity), keyIndex };
  return approvePairing(world, connection, approval);
}

type CodeRequest = { connection: Connection; pairing: PairingOffer; hello: LinkCodeHello };

/** Waits for a client that asks to be linked to this phone's number with a code. */
async function waitForCodeRequest(phone: PhoneBase, timeoutMs: number): Promise<CodeRequest> {
  const connection = await phone.world.linkRequests.next(phone.number, timeoutMs);
  const pairing = connection?.pairing;
  if (!connection || !pairing?.hello)
    throw new PairingError(`no client asked for a code for ${phone.number} within ${timeoutMs} ms`);
  return { connection, pairing, hello: pairing.hello };
}

/**
 * Enters the code that a client shows, and links the client. Waits for the client's request if necessary. Throws
 * `PairingError`, for example if the code is wrong. Source: the client's side, which is `requestPairingCode` in Baileys'
 * Socket/socket.ts and the notification `link_code_companion_reg` in Socket/messages-recv.ts.
 */
export async function linkWithCode(phone: PhoneBase, code: string, timeoutMs: number): Promise<Device> {
  const { connection, pairing, hello } = await waitForCodeRequest(phone, timeoutMs);
  const normalized = code.replace(/-/g, "").toUpperCase();
  const wrapped = hello.wrappedEphemeral;
  const key = await pairingCodeKey(normalized, wrapped.subarray(0, 32));
  const companionEphemeral = ctr(key, wrapped.subarray(32, 48), wrapped.subarray(48, 80));
  const ephemeral = generateKeyPair();
  const salt = randomBytes(32);
  const iv = randomBytes(16);
  const sealed = ctr(await pairingCodeKey(normalized, salt), iv, ephemeral.public);
  const finished = waitForFinish(pairing, timeoutMs);
  sendPrimaryHello(phone, connection, hello.ref, Buffer.concat([salt, iv, sealed]));
  const { identity } = phone.signal;
  const { bundle, identity: companionIdentity } = await finished;
  const shared = sharedKey(ephemeral.private, companionEphemeral);
  const opened = openBundle(bundle, shared);
  if (!opened.subarray(0, 32).equals(companionIdentity))
    throw new PairingError("the identity key in the bundle is not the one in the message");
  if (!companionIdentity.equals(pairing.registration.identityKey))
    throw new PairingError("the identity key is not the client's");
  if (!opened.subarray(32, 64).equals(identity.public)) throw new PairingError("the bundle is for another phone");
  const secret = Buffer.concat([shared, sharedKey(identity.private, companionIdentity), opened.subarray(64)]);
  return admit(phone, connection, companionIdentity, hkdf(secret, 32, { info: "adv_secret" }));
}

/** Waits for the client's second message, with its encrypted key bundle and its identity key. */
function waitForFinish(pairing: PairingOffer, timeoutMs: number): Promise<{ bundle: Buffer; identity: Buffer }> {
  return new Promise((resolve, reject) => {
    pairing.finish = (bundle, identity) => resolve({ bundle, identity });
    pairing.paired.catch(reject);
    setTimeout(
      () => reject(new PairingError(`the client did not finish linking within ${timeoutMs} ms`)),
      timeoutMs,
    ).unref();
  });
}

function sendPrimaryHello(phone: PhoneBase, connection: Connection, ref: Buffer, wrappedEphemeral: Buffer): void {
  const { world, signal } = phone;
  const primaryHello = node("link_code_companion_reg", { stage: "primary_hello" }, [
    node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrappedEphemeral),
    node("primary_identity_pub", {}, signal.identity.public),
    node("link_code_pairing_ref", {}, ref),
  ]);
  const attrs = { from: SERVER_JID, type: "link_code_companion_reg", id: world.nextId(), t: world.seconds };
  connection.send(node("notification", attrs, [primaryHello]));
}

function openBundle(bundle: Buffer, shared: Buffer): Buffer {
  const key = hkdf(shared, 32, { salt: bundle.subarray(0, 32), info: "link_code_pairing_key_bundle_encryption_key" });
  try {
    return gcmDecrypt(key, bundle.subarray(32, 44), bundle.subarray(44));
  } catch (error) {
    throw new PairingError("wrong code", { cause: error });
  }
}
