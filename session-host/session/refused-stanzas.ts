import type { BinaryNode, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { isKept, stanzaKey, stanzaSource } from "../baileys/stanza-source.ts";
import type { Change } from "../ledger/change.ts";
import { reasonOf } from "../ledger/refusal.ts";

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
    // Without an error code, because WhatsApp may keep a rejected message (see `acknowledgePlainly`).
    sock.sendMessageAck(stanza).catch(() => undefined);
  });
}

/**
 * Puts a stanza aside if one of its listeners throws. Otherwise, the error would reject a promise that nobody handles, the
 * stanza would come again at each login, and the frames that arrived together with it would wait for the next one
 * (Baileys 7.0.0-rc14, `onMessageReceived` in `Socket/socket.js`, `decodeFrame` in `Utils/noise-handler.js`). Listeners
 * that are async functions reject instead, for which `surviveErrors` is.
 */
export function putAsideThrown(sock: WASocket, record: (change: Change) => void, log: Pick<Logger, "error">): void {
  const { ws } = sock;
  const emit = ws.emit.bind(ws);
  ws.emit = (event, ...args) => {
    try {
      return emit(event, ...args);
    } catch (error) {
      const stanza: unknown = args[0];
      if (!isStanza(stanza)) throw error;
      count("UnhandledErrors");
      log.error({ err: error, stanza: stanza.tag, stanzaId: stanza.attrs.id }, "a listener of a stanza failed");
      if (isKept(stanza)) {
        record({ quarantine: [{ ...stanzaSource(stanza)(), error: reasonOf(error) }] });
        sock.sendMessageAck(stanza).catch(() => undefined);
      }
      return true;
    }
  };
}

const isStanza = (value: unknown): value is BinaryNode =>
  typeof value === "object" && value !== null && "tag" in value && "attrs" in value;
