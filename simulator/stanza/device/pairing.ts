import { randomBytes } from "node:crypto";
import type { Account } from "../../model/account.ts";
import { type Credentials, Device, type SignedPreKey } from "../../model/device.ts";
import type { Connection } from "../../server/connection.ts";
import { proto } from "../../wire/baileys.ts";
import { rawKey, signalKey, verify } from "../../wire/crypto.ts";
import { formatJid, LID_SERVER, PN_SERVER, SERVER_JID } from "../../wire/jid.ts";
import { BadStanza, type BinaryNode, bytes, child, node } from "../../wire/node.ts";
import { announceDevices } from "./devices.ts";

const ACCOUNT_SIGNATURE = Buffer.from([6, 0]);
const DEVICE_SIGNATURE = Buffer.from([6, 1]);
const REFS = 6;

/** What an unregistered client says of itself in its ClientPayload. */
export type Registration = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  platform: string;
};

/** A phone's consent to be linked, as it goes over the wire. */
export type Approval = { account: Account; signedIdentity: Buffer; hmac: Buffer; keyIndex: number };

export type LinkCodeHello = {
  wrappedEphemeral: Buffer;
  companionNoiseKey: Buffer;
  ref: Buffer;
  number: string;
};

/** A socket that waits for a phone to scan its QR or to be given its code. */
export type PairingOffer = {
  refs: string[];
  registration: Registration;
  approval?: Approval;
  hello?: LinkCodeHello;
  /** Resolves with the device when it has proved its keys; rejects when the socket ends before. */
  paired: Promise<Device>;
  settle: { resolve: (device: Device) => void; reject: (reason: Error) => void };
  finish?: (bundle: Buffer, identity: Buffer) => void;
};

/** Throws when the client's keys are malformed or its signed prekey is not signed by its identity. */
export function readRegistration(noiseKey: Buffer, payload: proto.ClientPayload): Registration {
  const data = payload.devicePairingData;
  if (!data?.eIdent || !data.eRegid || !data.eSkeyId || !data.eSkeyVal || !data.eSkeySig) {
    throw new Error("registration without keys");
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
  const platform = data.deviceProps ? (proto.DeviceProps.decode(data.deviceProps).os ?? "") : "";
  const registrationId = Buffer.from(data.eRegid).readUIntBE(0, data.eRegid.length);
  return { noiseKey, identityKey, registrationId, signedPreKey, platform };
}

/** Sends `pair-device` with the refs for the client's QR codes. */
export function offerPairing(connection: Connection, registration: Registration): PairingOffer {
  const refs = Array.from({ length: REFS }, () => `2@${randomBytes(48).toString("base64")}`);
  const { promise: paired, ...settle } = Promise.withResolvers<Device>();
  // Nobody may be waiting when a client gives up.
  paired.catch(() => undefined);
  const { world } = connection;
  for (const ref of refs) world.pairings.set(ref, connection);
  const attrs = { from: SERVER_JID, type: "set", id: world.nextId(), xmlns: "md" };
  const content = refs.map((ref) => node("ref", {}, Buffer.from(ref)));
  connection.send(node("iq", attrs, [node("pair-device", {}, content)]));
  return { refs, registration, paired, settle };
}

/** The phone said yes: the client gets `pair-success` and must answer with its own signature. */
export function approvePairing(connection: Connection, approval: Approval): Promise<Device> {
  const { world, pairing } = connection;
  if (!pairing) throw new Error("the socket is not waiting to be paired");
  if (pairing.approval) throw new Error("the socket is being paired already");
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
    node("platform", { name: account.business ? "smba" : "android" }),
  ];
  if (account.business) content.push(node("biz", { name: account.business.name }));
  const attrs = { from: SERVER_JID, type: "set", id: world.nextId(), xmlns: "md", t: world.seconds };
  connection.send(node("iq", attrs, [node("pair-success", {}, content)]));
  return pairing.paired;
}

/** The client's answer to `pair-success`: checks its ADV signature, registers the device and restarts the stream. */
export function completePairing(connection: Connection, iq: BinaryNode): void {
  const { world, pairing } = connection;
  const approval = pairing?.approval;
  const signed = bytes(child(child(iq, "pair-device-sign"), "device-identity"));
  if (!pairing || !approval || !signed) throw new BadStanza("pair-device-sign out of place");
  const { account, keyIndex } = approval;
  const { registration } = pairing;
  const identity = proto.ADVSignedDeviceIdentity.decode(signed);
  const problem = signatureProblem(identity, account.identityKey, registration.identityKey);
  if (problem) {
    connection.note(iq, problem);
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

/** What is wrong with a device's ADV identity, or undefined. Both signatures are checked. */
export function signatureProblem(
  identity: proto.IADVSignedDeviceIdentity,
  accountKey: Buffer,
  deviceKey: Buffer,
): string | undefined {
  const { details, accountSignature, deviceSignature } = identity;
  if (!details || !accountSignature || !deviceSignature) return "the device identity is incomplete";
  if (!verify(accountKey, Buffer.concat([ACCOUNT_SIGNATURE, details, deviceKey]), accountSignature)) {
    return "the account did not sign the device identity";
  }
  if (!verify(deviceKey, Buffer.concat([DEVICE_SIGNATURE, details, deviceKey, accountKey]), deviceSignature)) {
    return "the device did not sign the device identity";
  }
  return undefined;
}

/** The phone's part: the message that the account's key signs for a companion. */
export function accountSignatureInput(details: Uint8Array, deviceKey: Uint8Array): Buffer {
  return Buffer.concat([ACCOUNT_SIGNATURE, details, deviceKey]);
}
