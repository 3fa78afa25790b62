import type { Account, Device } from "../account.ts";
import type { SignedPreKey } from "./credentials.ts";
import type { PasskeyCeremony } from "./passkey-ceremony.ts";

/** The keys in the ClientPayload of a client that asks to be linked. */
export type Registration = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  platform: string;
  /** Whether the client asks the phone for the full history. */
  requireFullSync: boolean;
};

/** A phone's signed approval of a new companion. */
export type Approval = { account: Account; signedIdentity: Buffer; hmac: Buffer; keyIndex: number };

/** The client's first message when it links with a code. */
export type LinkCodeHello = {
  wrappedEphemeral: Buffer;
  companionNoiseKey: Buffer;
  ref: Buffer;
  number: string;
};

/** The state of a socket that waits until a phone scans its QR code or its linking code is entered on a phone. */
export type PairingOffer = {
  refs: string[];
  registration: Registration;
  approval?: Approval;
  hello?: LinkCodeHello;
  /** Resolves with the new device when the client has proved its keys. Rejects if the socket closes first. */
  paired: Promise<Device>;
  settle: { resolve: (device: Device) => void; reject: (reason: Error) => void };
  /** Receives the client's second message. Set while the phone waits for that message. */
  finish?: (bundle: Buffer, identity: Buffer) => void;
  /** Set while the phone waits for a passkey. */
  passkey?: PasskeyCeremony;
};
