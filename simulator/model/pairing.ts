import type { Account, Device } from "./account.ts";
import type { SignedPreKey } from "./credentials.ts";

/** The keys in the ClientPayload of a client that is not linked. */
export type Registration = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  platform: string;
};

/** A phone's approval of a new companion, with its signature. */
export type Approval = { account: Account; signedIdentity: Buffer; hmac: Buffer; keyIndex: number };

/** The client's first message of linking with a code. */
export type LinkCodeHello = {
  wrappedEphemeral: Buffer;
  companionNoiseKey: Buffer;
  ref: Buffer;
  number: string;
};

/** The state of a socket that waits until a phone scans its QR code or gets its linking code. */
export type PairingOffer = {
  refs: string[];
  registration: Registration;
  approval?: Approval;
  hello?: LinkCodeHello;
  /** Resolves with the device when it has proved its keys. Rejects if the socket closes first. */
  paired: Promise<Device>;
  settle: { resolve: (device: Device) => void; reject: (reason: Error) => void };
  finish?: (bundle: Buffer, identity: Buffer) => void;
};
