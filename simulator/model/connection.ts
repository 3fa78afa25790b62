import type { BinaryNode } from "../wire/node.ts";
import type { Device, DeviceSocket } from "./account.ts";
import type { PairingOffer } from "./link/pairing.ts";

/** A client's socket as stanza handlers and phones see it. */
export interface Connection extends DeviceSocket {
  /** Undefined until the client has logged in. */
  readonly device: Device | undefined;
  /** Set while the client waits to be linked. */
  readonly pairing: PairingOffer | undefined;
  /** Closes with a close frame. */
  close(): void;
  /** Drops the socket without a close frame. */
  cut(): void;
  /**
   * Sends the stanzas that the server has kept for the device, marked `offline`. From then on, the server sends new
   * stanzas immediately.
   */
  activate(): void;
  /** Records a stanza that the simulator does not implement or expect. */
  recordUnknown(stanza: BinaryNode, reason: string): void;
}
