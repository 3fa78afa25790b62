import { proto } from "@whiskeysockets/baileys";
import { boundMessage } from "../bounds.ts";
import { type Opened, unwrap } from "./unwrap.ts";

/**
 * Opens the protobuf that is stored with a message (`messages.payload`). It is as its sender encoded it, so the strings
 * and lists are bounded again.
 */
export function openPayload(payload: Uint8Array): Opened {
  const message = proto.Message.decode(payload);
  boundMessage(message);
  return unwrap(message, payload);
}
