import { type BinaryNode, NACK_REASONS, type WASocket } from "@whiskeysockets/baileys";
import { isKept, stanzaKey, stanzaSource } from "../baileys/stanza-source.ts";
import type { Change } from "../ledger/change.ts";

/**
 * Takes stanzas that were refused too often away from all other listeners: quarantines them if they are not yet, and
 * acknowledges them, so that WhatsApp does not send them again. This is for stanzas whose Signal keys can't be stored
 * either, which end the connection, and for those whose acknowledgement was lost. `refused` has their keys and errors.
 */
export function putAsideRefused(
  sock: WASocket,
  refused: ReadonlyMap<string, string>,
  record: (change: Change) => void,
): void {
  if (refused.size === 0) return;
  // Baileys emits `frame` with each stanza, before the events that its own listeners and ours use (`Socket/socket.js`).
  sock.ws.prependListener("frame", (frame: BinaryNode | Uint8Array) => {
    if (frame instanceof Uint8Array || !isKept(frame)) return;
    const error = refused.get(stanzaKey(frame));
    if (error === undefined) return;
    const stanza = { ...frame };
    record({ quarantine: [{ ...stanzaSource(stanza)(), error }] });
    // Nobody listens to this stanza.
    Object.assign(frame, { tag: "quarantined", attrs: {}, content: undefined });
    // A refused message gets an error, as from Baileys for a message that it can't handle (`Socket/messages-recv.js`).
    const code = stanza.tag === "message" ? NACK_REASONS.UnhandledError : undefined;
    sock.sendMessageAck(stanza, code).catch(() => undefined);
  });
}
