import type { proto } from "./baileys.ts";
import { verify } from "./crypto.ts";

/** Prefixes of the signed data: `WA_ADV_ACCOUNT_SIG_PREFIX` and `WA_ADV_DEVICE_SIG_PREFIX` in Baileys' Defaults. */
const ACCOUNT_SIGNATURE = Buffer.from([6, 0]);
const DEVICE_SIGNATURE = Buffer.from([6, 1]);

/** Checks both signatures of a companion's ADV identity. Returns a description of the problem, or undefined. */
export function signatureProblem(
  identity: proto.IADVSignedDeviceIdentity,
  accountKey: Buffer,
  deviceKey: Buffer,
): string | undefined {
  const { details, accountSignature, deviceSignature } = identity;
  if (!details || !accountSignature || !deviceSignature) return "the device identity is incomplete";
  if (!verify(accountKey, accountSignatureInput(details, deviceKey), accountSignature)) {
    return "the account did not sign the device identity";
  }
  if (!verify(deviceKey, Buffer.concat([DEVICE_SIGNATURE, details, deviceKey, accountKey]), deviceSignature)) {
    return "the device did not sign the device identity";
  }
  return undefined;
}

/** Returns the bytes that the account's identity key signs for a companion device. */
export function accountSignatureInput(details: Uint8Array, deviceKey: Uint8Array): Buffer {
  return Buffer.concat([ACCOUNT_SIGNATURE, details, deviceKey]);
}
