import { randomBytes, randomInt } from "node:crypto";
import type { Device } from "../model/device.ts";
import type { Connection } from "../server/connection.ts";
import { accountSignatureInput, approvePairing, type LinkCodeHello } from "../stanza/device/pairing.ts";
import { proto } from "../wire/baileys.ts";
import { ctr, gcmDecrypt, generateKeyPair, hkdf, hmac, pairingCodeKey, sharedKey, sign } from "../wire/crypto.ts";
import { SERVER_JID } from "../wire/jid.ts";
import { node } from "../wire/node.ts";
import type { Phone } from "./phone.ts";

export class PairingError extends Error {}

/** Scans a QR: `ref,noise,identity,advSecret[,platform]`, bare or behind WhatsApp's URL. */
export function scanQr(phone: Phone, qr: string): Promise<Device> {
  const [ref = "", noise = "", identity = "", secret = ""] = qr.slice(qr.indexOf("#") + 1).split(",");
  const connection = phone.world.pairings.get(ref);
  const registration = connection?.pairing?.registration;
  if (!connection || !registration) throw new PairingError("the QR code is unknown or has expired");
  if (!registration.noiseKey.equals(Buffer.from(noise, "base64")))
    throw new PairingError("the QR's Noise key is not the client's");
  const identityKey = Buffer.from(identity, "base64");
  if (!registration.identityKey.equals(identityKey)) throw new PairingError("the QR's identity is not the client's");
  return approve(phone, connection, identityKey, Buffer.from(secret, "base64"));
}

function approve(phone: Phone, connection: Connection, identityKey: Buffer, advSecret: Buffer): Promise<Device> {
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
  return approvePairing(connection, { account, signedIdentity, hmac: hmac(advSecret, signedIdentity), keyIndex });
}

/** The client's request for this phone's number, once it has come. */
async function awaitHello(phone: Phone, timeoutMs: number): Promise<{ connection: Connection; hello: LinkCodeHello }> {
  const connection = await phone.world.linkRequests.next(phone.number, timeoutMs);
  const hello = connection?.pairing?.hello;
  if (!connection || !hello) throw new PairingError(`no client has asked for a code for ${phone.number}`);
  return { connection, hello };
}

/** Types in the code that a client shows. Waits a while for the client's request. @throws on a wrong code. */
export async function linkWithCode(phone: Phone, code: string, timeoutMs: number): Promise<Device> {
  const { connection, hello } = await awaitHello(phone, timeoutMs);
  const { pairing, world } = connection;
  if (!pairing) throw new PairingError("the client is gone");
  const typed = code.replace(/-/g, "").toUpperCase();
  const wrapped = hello.wrappedEphemeral;
  const key = await pairingCodeKey(typed, wrapped.subarray(0, 32));
  const companionEphemeral = ctr(key, wrapped.subarray(32, 48), wrapped.subarray(48, 80));
  const ephemeral = generateKeyPair();
  const salt = randomBytes(32);
  const iv = randomBytes(16);
  const sealed = ctr(await pairingCodeKey(typed, salt), iv, ephemeral.public);
  const finished = new Promise<{ bundle: Buffer; identity: Buffer }>((resolve, reject) => {
    pairing.finish = (bundle, identity) => resolve({ bundle, identity });
    pairing.paired.catch(reject);
    setTimeout(() => reject(new PairingError("the client did not finish the linking")), timeoutMs).unref();
  });
  const identity = phone.signal.identity;
  const primaryHello = node("link_code_companion_reg", { stage: "primary_hello" }, [
    node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, Buffer.concat([salt, iv, sealed])),
    node("primary_identity_pub", {}, identity.public),
    node("link_code_pairing_ref", {}, hello.ref),
  ]);
  const attrs = { from: SERVER_JID, type: "link_code_companion_reg", id: world.nextId(), t: world.seconds };
  connection.send(node("notification", attrs, [primaryHello]));
  const { bundle, identity: companionIdentity } = await finished;
  const shared = sharedKey(ephemeral.private, companionEphemeral);
  const opened = openBundle(bundle, shared);
  if (!opened.subarray(0, 32).equals(companionIdentity)) throw new PairingError("the bundle holds another identity");
  if (!companionIdentity.equals(pairing.registration.identityKey)) throw new PairingError("not the client's identity");
  if (!opened.subarray(32, 64).equals(identity.public)) throw new PairingError("the bundle is for another phone");
  const secret = Buffer.concat([shared, sharedKey(identity.private, companionIdentity), opened.subarray(64)]);
  return approve(phone, connection, companionIdentity, hkdf(secret, 32, { info: "adv_secret" }));
}

function openBundle(bundle: Buffer, shared: Buffer): Buffer {
  const key = hkdf(shared, 32, { salt: bundle.subarray(0, 32), info: "link_code_pairing_key_bundle_encryption_key" });
  try {
    return gcmDecrypt(key, bundle.subarray(32, 44), bundle.subarray(44));
  } catch (error) {
    throw new PairingError("wrong code", { cause: error });
  }
}
