import { randomBytes } from "node:crypto";
import { type Account, Device } from "../../model/account.ts";
import type { Connection } from "../../model/connection.ts";
import type { Credentials } from "../../model/link/credentials.ts";
import type { Approval, PairingOffer, Registration } from "../../model/link/pairing.ts";
import type { World } from "../../model/world.ts";
import { proto } from "../../wire/baileys.ts";
import { rawKey, signalKey, verify } from "../../wire/crypto.ts";
import { signatureProblem } from "../../wire/device-identity.ts";
import { formatJid, LID_SERVER, PN_SERVER, SERVER_JID } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { announceDevices } from "./device-list.ts";

/** Number of QR codes that a client can show, one after the other. */
const REFS = 6;

/**
 * Reads the keys of a client that asks to be linked. Throws if a key is absent, or if the identity key did not sign the
 * prekey.
 */
export function readRegistration(noiseKey: Buffer, payload: proto.ClientPayload): Registration {
  const data = payload.devicePairingData;
  if (!data?.eIdent || !data.eRegid || !data.eSkeyId || !data.eSkeyVal || !data.eSkeySig) {
    throw new Error("the registration has no keys");
  }
  const identityKey = rawKey(data.eIdent);
  const signedPreKey = {
    id: Buffer.from(data.eSkeyId).readUIntBE(0, data.eSkeyId.length),
    public: rawKey(data.eSkeyVal),
    signature: Buffer.from(data.eSkeySig),
  };
  if (!verify(identityKey, signalKey(signedPreKey.public), signedPreKey.signature)) {
    throw new Error("the signed prekey is not signed by the identity key");
  }
  const props = data.deviceProps && proto.DeviceProps.decode(data.deviceProps);
  const platform = props?.os ?? "";
  const requireFullSync = props?.requireFullSync ?? false;
  const registrationId = Buffer.from(data.eRegid).readUIntBE(0, data.eRegid.length);
  return { noiseKey, identityKey, registrationId, signedPreKey, platform, requireFullSync };
}

/**
 * Sends `pair-device` with the refs for the client's QR codes. Source: `CB:iq,type:set,pair-device` in Baileys'
 * Socket/socket.ts.
 */
export function offerPairing(world: World, connection: Connection, registration: Registration): PairingOffer {
  const refs = Array.from({ length: REFS }, () => `2@${randomBytes(48).toString("base64")}`);
  const { promise: paired, ...settle } = Promise.withResolvers<Device>();
  // A client that gives up must not cause an unhandled rejection if no phone waits for it.
  paired.catch(() => undefined);
  for (const ref of refs) world.pairings.set(ref, connection);
  const attrs = { from: SERVER_JID, type: "set", id: world.nextId(), xmlns: "md" };
  const content = refs.map((ref) => node("ref", {}, Buffer.from(ref)));
  connection.send(node("iq", attrs, [node("pair-device", {}, content)]));
  return { refs, registration, paired, settle };
}

/** Sends `pair-success` for a phone that has approved the client. Resolves with the device when the client has signed it. */
export function approvePairing(world: World, connection: Connection, approval: Approval): Promise<Device> {
  const { pairing } = connection;
  if (!pairing) throw new Error("the socket does not wait to be linked");
  if (pairing.approval) throw new Error("the socket is already being linked");
  pairing.approval = approval;
  const { account, keyIndex } = approval;
  const identity = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: approval.signedIdentity,
    hmac: approval.hmac,
  }).finish();
  const device = {
    jid: formatJid(account.number, PN_SERVER, keyIndex),
    lid: formatJid(account.lid, LID_SERVER, keyIndex),
  };
  const content = [
    node("device-identity", {}, identity),
    node("device", device),
    node("client-props", {}, clientProps(account)),
    node("platform", { name: account.business ? "smba" : "android" }),
  ];
  if (account.business) content.push(node("biz", { name: account.business.name }));
  const attrs = { from: SERVER_JID, type: "set", id: world.nextId(), xmlns: "md", t: world.seconds };
  connection.send(node("iq", attrs, [node("pair-success", {}, content)]));
  return pairing.paired;
}

/** What the phone says about its account. Source: `extract_pairing_props` in whatsapp-rust's wacore/src/pair.rs. */
const clientProps = ({ lidMigrated }: Account): Uint8Array =>
  proto.ClientPairingProps.encode({ isChatDbLidMigrated: lidMigrated }).finish();

/**
 * Handles the answer to `pair-success`: checks the client's ADV signature, adds the device and ends the stream with 515.
 * Source: `configureSuccessfulPairing` in Baileys' Utils/validate-connection.ts.
 */
export function completePairing(world: World, connection: Connection, iq: BinaryNode): void {
  const { pairing } = connection;
  const approval = pairing?.approval;
  const signed = bytes(child(child(iq, "pair-device-sign"), "device-identity"));
  if (!pairing || !approval || !signed) throw new BadStanza("the pair-device-sign is incomplete or unexpected");
  const { account, keyIndex } = approval;
  const { registration } = pairing;
  const identity = proto.ADVSignedDeviceIdentity.decode(signed);
  const problem = signatureProblem(identity, account.identityKey, registration.identityKey);
  if (problem) {
    connection.recordUnknown(iq, problem);
    pairing.settle.reject(new Error(problem));
    connection.refuse(401);
    return;
  }
  const deviceIdentity = Buffer.from(
    proto.ADVSignedDeviceIdentity.encode({ ...identity, accountSignatureKey: account.identityKey }).finish(),
  );
  const credentials: Credentials = { ...registration, deviceIdentity, keyIndex };
  const device = new Device(account, keyIndex, credentials);
  account.companions.set(device.id, device);
  account.nextDeviceId = Math.max(account.nextDeviceId, keyIndex + 1);
  world.counts.pairings++;
  announceDevices(world, account, "add", device);
  connection.end({ code: "515" });
  pairing.settle.resolve(device);
}
