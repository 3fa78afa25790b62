import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, jidNormalizedUser } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { statusChat } from "../../core/message/status.ts";
import type { Change } from "../ledger/change.ts";

type Step = NonNullable<Change["progress"]>[number];

/**
 * Receipts that came before the message they are about: of what the account's owner wrote on the phone WhatsApp sends us the
 * message and its receipts independently, and a receipt needs no decryption.
 */
export class EarlyReceipts {
  readonly #steps = new LRUCache<string, Step[]>({ max: 500 });

  keep(change: Change): void {
    for (const step of [...(change.progress ?? []), ...(change.views ?? [])]) {
      for (const waId of step.waIds)
        this.#steps.set(waId, [...(this.#steps.get(waId) ?? []), { ...step, waIds: [waId] }].slice(-4));
    }
  }

  /** What is known already of messages that are about to be recorded as written by the owner. */
  join(change: Change): Change {
    const own = (change.messages ?? []).filter((message) => message.from_me && this.#steps.has(message.wa_id));
    if (own.length === 0) return change;
    const known = (posted: boolean) =>
      own.flatMap(({ wa_id, chat_id }) => ((chat_id === statusChat) === posted ? (this.#steps.get(wa_id) ?? []) : []));
    return { ...change, progress: [...(change.progress ?? []), ...known(false)], views: known(true) };
  }
}

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
  const waIds = [...new Set([id, ...more])];
  const steps: Step[] = [{ waIds, status, by: jidNormalizedUser(by), timestamp }];
  // Whoever has a message has it from WhatsApp. Its acknowledgement may come later: of what a host sent that died before it, the
  // receipts that waited come first.
  const acks = waIds.map((waId) => ({ waId }));
  return from === statusChat ? { acks, views: steps } : { acks, progress: steps };
}
