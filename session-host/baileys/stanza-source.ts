import type { BinaryNode, WASocket } from "@whiskeysockets/baileys";
import { boundId, boundJid } from "../../core/bound.ts";
import { sha256 } from "../../core/crypto/index.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { noteWork } from "../../core/work.ts";
import { type Change, type StanzaKind, type StanzaSource, serializeKey } from "../ledger/change.ts";
import { isRefusal, reasonOf } from "../ledger/refusal.ts";
import { secondsOf } from "./address/jids.ts";

const kinds: readonly string[] = ["message", "receipt", "notification", "call"] satisfies StanzaKind[];

/** Whether WhatsApp keeps a stanza of this kind until the device acknowledges it. */
export const isKept = ({ tag }: BinaryNode): boolean => kinds.includes(tag);

/**
 * Returns the identity of a stanza that WhatsApp sends again with the same content: a hash, hexadecimal. The attributes
 * `t` and `offline` may differ each time.
 */
export function stanzaKey({ tag, attrs, content }: BinaryNode): string {
  const { from, participant, id, type } = attrs;
  return sha256(serializeKey([tag, from, participant, id, type, content ?? null])).toString("hex");
}

/** Returns a function that describes a stanza for the quarantine. Only a refused stanza is hashed and encoded. */
export function stanzaSource(stanza: BinaryNode, plaintext?: Uint8Array): () => StanzaSource {
  return () => ({
    kind: stanza.tag as StanzaKind,
    key: stanzaKey(stanza),
    id: boundId(stanza.attrs.id ?? ""),
    from: boundJid(stanza.attrs.from ?? ""),
    timestamp: secondsOf(stanza),
    bytes: serializeKey(stanza),
    ...(plaintext ? { plaintext } : {}),
  });
}

/**
 * Returns the change that a stanza leads to, with the stanza. If our code can't read the stanza, returns the change that
 * quarantines it at once, because another attempt would fail in the same way. Rejects if the database or the connection
 * is the cause.
 */
export function orQuarantine(
  journal: () => Promise<Change> | Change | undefined,
  stanza: () => StanzaSource,
  log: Pick<Logger, "error">,
): Promise<Change> | Change | undefined {
  const withStanza = (change: Change): Change => ({ ...change, stanza });
  const quarantined = (error: unknown): Change => {
    const source = stanza();
    log.error(
      { err: error, kind: source.kind, stanzaId: source.id },
      "a stanza was quarantined because it can't be read",
    );
    count("StanzasQuarantined");
    return { quarantine: [{ ...source, error: reasonOf(error) }] };
  };
  try {
    const change = journal();
    if (!(change instanceof Promise)) return change && withStanza(change);
    return change.then(withStanza).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      return quarantined(error);
    });
  } catch (error) {
    // Neither the database nor the connection was used yet.
    return quarantined(error);
  }
}

/** Kinds of stanzas that WhatsApp sends and Baileys handles, named in the log if they block the event loop. */
const stanzaKinds = ["message", "receipt", "notification", "call", "presence", "chatstate", "ack", "ib", "iq"];

/** Names each stanza as the current work, in case it blocks the event loop. */
export function nameStanzasInWork(ws: WASocket["ws"]): void {
  for (const kind of stanzaKinds) ws.prependListener(`CB:${kind}`, () => noteWork(`stanza ${kind}`));
}
