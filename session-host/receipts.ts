import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, jidNormalizedUser } from "@whiskeysockets/baileys";
import type { Change } from "./change.ts";

/**
 * What a `receipt` stanza says of messages of ours: nothing when it is about something else (a retry, our own other
 * devices). No `type` means delivered; `read` and `played` mean read.
 */
export function journalReceipt(stanza: BinaryNode, isMe: (jid: string) => boolean): Change | undefined {
  const { id, from, participant, recipient, type, t } = stanza.attrs;
  const by = participant ?? from;
  if (!id || !by || recipient || isMe(by)) return undefined;
  const status =
    type === undefined || type === "" ? "delivered" : type === "read" || type === "played" ? "read" : undefined;
  if (!status) return undefined;
  const list = getBinaryNodeChild(stanza, "list");
  const more = list ? getBinaryNodeChildren(list, "item").flatMap((item) => item.attrs.id ?? []) : [];
  const seconds = Number(t);
  const timestamp = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : Math.floor(Date.now() / 1000);
  return { progress: [{ waIds: [...new Set([id, ...more])], status, by: jidNormalizedUser(by), timestamp }] };
}
