import { proto } from "@whiskeysockets/baileys";
import { boundMessage } from "../bounds.ts";
import { type Opened, unwrap } from "./unwrap.ts";
import { wireFields } from "./wire.ts";

/**
 * Opens the protobuf that is stored with a message (`messages.payload`). It is as its sender encoded it, so the strings
 * and lists are bounded again. A protobuf that cannot be decoded has only fields that cannot be read.
 */
export function openPayload(payload: Uint8Array): Opened {
  const message = decoded(payload);
  if (message) {
    boundMessage(message);
    return unwrap(message, payload);
  }
  const numbers = new Set(wireFields(payload).map(({ number }) => number));
  return { ...unwrap({}, payload), unknownFields: [...numbers] };
}

/** The decoder calls itself for each level. How many levels the stack has room for depends on the caller. */
function decoded(payload: Uint8Array): proto.Message | undefined {
  try {
    return proto.Message.decode(payload);
  } catch {
    return undefined;
  }
}
