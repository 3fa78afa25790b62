import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { statusChat } from "../../core/message/status.ts";
import { plainJid, secondsOf } from "../baileys/jids.ts";
import type { Change, Receipt } from "../ledger/change.ts";
import { boundStanza } from "./bounds.ts";

/** Maximum number of messages whose receipts are kept. */
const maxMessages = 500;
/** Maximum number of messages that one receipt is for. */
const maxIds = 10_000;
/** Maximum number of receipts that are kept for one message. */
const maxReceipts = 4;

/**
 * Keeps receipts that arrive before their message. For a message that the owner wrote on the phone, WhatsApp sends us
 * the message and its receipts independently, and a receipt may be faster because it needs no decryption.
 */
export class EarlyReceipts {
  /** By message id. */
  readonly #receipts = new LRUCache<string, Receipt[]>({ max: maxMessages });

  /** Keeps the receipts of a change. */
  keep(change: Change): void {
    for (const receipt of [...(change.progress ?? []), ...(change.views ?? [])]) {
      for (const waId of receipt.waIds) {
        const known = this.#receipts.get(waId) ?? [];
        this.#receipts.set(waId, [...known, { ...receipt, waIds: [waId] }].slice(-maxReceipts));
      }
    }
  }

  /** Returns the change with the kept receipts for those of its messages that the owner wrote. */
  join(change: Change): Change {
    const own = (change.messages ?? []).filter((message) => message.from_me && this.#receipts.has(message.wa_id));
    if (own.length === 0) return change;
    const receiptsOf = (isStatusPost: boolean) =>
      own.flatMap(({ wa_id, chat_id }) =>
        (chat_id === statusChat) === isStatusPost ? (this.#receipts.get(wa_id) ?? []) : [],
      );
    return { ...change, progress: [...(change.progress ?? []), ...receiptsOf(false)], views: receiptsOf(true) };
  }
}

/** What reading a receipt needs to know about JIDs. */
export interface ReceiptContext {
  isMe: (jid: string) => boolean;
  /** Returns the JIDs of a person that the session knows, the given one first. */
  jidsOf: (jid: string) => Promise<string[]>;
}

/**
 * Returns the receipts of a `receipt` stanza for messages of the account. Returns undefined for other stanzas (a retry,
 * a receipt from the account's other devices). A receipt without a `type` means delivered. `read` and `played` mean
 * read.
 */
export function journalReceipt(received: BinaryNode, context: ReceiptContext): Promise<Change> | undefined {
  const stanza = boundStanza(received);
  const { id, from, participant, recipient, type } = stanza.attrs;
  const by = participant ?? from;
  if (!id || !from || !by || recipient || context.isMe(by)) return undefined;
  const status =
    type === undefined || type === "" ? "delivered" : type === "read" || type === "played" ? "read" : undefined;
  if (!status) return undefined;
  const list = getBinaryNodeChild(stanza, "list");
  const more = list ? getBinaryNodeChildren(list, "item").flatMap((item) => item.attrs.id ?? []) : [];
  const waIds = [...new Set([id, ...more])].slice(0, maxIds);
  return changeOf(context, from, { waIds, status, by: plainJid(by), timestamp: secondsOf(stanza) });
}

async function changeOf(
  { jidsOf }: ReceiptContext,
  from: string,
  receipt: Omit<Receipt, "chats" | "people">,
): Promise<Change> {
  const people = await jidsOf(receipt.by);
  const chat = plainJid(from);
  const origin = { chats: chat === receipt.by ? people : [chat], people };
  // A receipt shows that WhatsApp has accepted the message. The acknowledgement itself may be missing, because the host
  // died before it arrived.
  const acks = receipt.waIds.map((waId) => ({ waId, receipt: origin }));
  const receipts = [{ ...receipt, ...origin }];
  return chat === statusChat ? { acks, views: receipts } : { acks, progress: receipts };
}
