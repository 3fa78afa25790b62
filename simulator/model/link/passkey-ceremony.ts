import type { KeyPair } from "../../wire/crypto.ts";
import type { Account, Device } from "../account.ts";
import type { PasskeyOptions } from "./passkey.ts";

/** A pairing that waits for a passkey, from the request to the link. */
export type PasskeyCeremony = {
  account: Account;
  options: PasskeyOptions;
  /** The secret in the QR code, which proves that the phone scanned this client. */
  advSecret: Buffer;
  /** Whether the phone accepts the client without a comparison of codes. */
  trusting: boolean;
  keys: KeyPair;
  nonce: Buffer;
  ref?: string;
  identity?: Buffer;
  commitment?: Buffer;
  companionNonce?: Buffer;
  /** The code that the phone shows. */
  code?: Buffer;
  /** Links the client. */
  approve(identityKey: Buffer, advSecret: Buffer): Promise<Device>;
};
