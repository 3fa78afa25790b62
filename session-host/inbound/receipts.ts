import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import type { Person } from "../../core/event/catalog/group.ts";
import { isGroupJid } from "../../core/message/recipient.ts";
import { statusChat } from "../../core/message/status.ts";
import { plainJid, secondsOf, unixSeconds } from "../baileys/address/jids.ts";
import type { Change, Receipt } from "../ledger/change.ts";
import { boundStanza } from "./bounds.ts";

/** Maximum number of messages whose receipts are kept, and of all kept receipts together. */
const maxMessages = 500;
const maxKept = 2_000;
/** Maximum number of receipts that are kept for one message. */
const maxKeptPerMessage = 64;
/** Maximum number of messages, or of people, that one receipt is about. */
const maxItems = 10_000;

/**
 * Keeps receipts that arrive before their message. For a message that the owner wrote on the phone, WhatsApp sends us
 * the message and its receipts independently, and a receipt may be faster because it needs no decryption.
 */
export class EarlyReceipts {
  /** By message id. */
  readonly #receipts = new LRUCache<string, Receipt[]>({
    maxSize: maxKept,
    sizeCalculation: (receipts) => Math.max(maxKept / maxMessages, receipts.length),
  });

  /** Keeps the receipts of a change. */
  keep(change: Change): void {
    for (const receipt of change.progress ?? []) {
      for (const waId of receipt.waIds) {
        const known = this.#receipts.get(waId) ?? [];
        this.#receipts.set(waId, [...known, { ...receipt, waIds: [waId] }].slice(-maxKeptPerMessage));
      }
    }
  }

  /** Returns the change with the kept receipts for those of its messages that the owner wrote. */
  join(change: Change): Change {
    const own = (change.messages ?? []).filter((message) => message.from_me && this.#receipts.has(message.wa_id));
    if (own.length === 0) return change;
    const receipts = own.flatMap(({ wa_id }) => this.#receipts.get(wa_id) ?? []);
    return { ...change, progress: [...(change.progress ?? []), ...receipts] };
  }
}

/** What reading a receipt needs to know about JIDs. */
export interface ReceiptContext {
  isMe: (jid: string) => boolean;
  /** Returns the JIDs of a person that the session knows, the given one first. */
  jidsOf: (jid: string) => Promise<string[]>;
}

/** What one person reports about messages. */
interface Report extends Pick<Receipt, "waIds" | "by" | "timestamp"> {
  /** The person's other JID, if the stanza has it. */
  other?: string | undefined;
}

/** The meaning of a receipt by its `type`. Other types are not about the state of a message at its recipient. */
const statuses: Readonly<Record<string, Receipt["status"]>> = { "": "delivered", read: "read", played: "played" };

/**
 * Returns the receipts of a `receipt` stanza for messages of the account. Returns undefined for other stanzas (a retry,
 * a receipt from the account's other devices).
 */
export function journalReceipt(received: BinaryNode, context: ReceiptContext): Promise<Change> | undefined {
  const stanza = boundStanza(received);
  const { id, from, recipient, type = "" } = stanza.attrs;
  const status = Object.hasOwn(statuses, type) ? statuses[type] : undefined;
  if (!id || !from || recipient || !status) return undefined;
  const reports = reportsIn(stanza, from).filter(({ by }) => !context.isMe(by));
  return reports.length > 0 ? changeOf(context, plainJid(from), status, reports) : undefined;
}

/**
 * Returns the report of a `receipt` stanza that the owner has read messages on another device. With read receipts switched
 * off, its type is `read-self`. Source: `parseMessageSource` in whatsmeow's message.go, `parseReceipt` in its receipt.go.
 */
export function journalOwnRead(received: BinaryNode, context: ReceiptContext, by: Person | null) {
  const stanza = boundStanza(received);
  const { id, from, participant, recipient, type = "" } = stanza.attrs;
  if (!id || !from || (type !== "read" && type !== "read-self")) return undefined;
  const isGroup = isGroupJid(from);
  const chat = isGroup ? from : recipient;
  if (!chat || !context.isMe(isGroup ? (participant ?? "") : from)) return undefined;
  return ownRead(stanza, plainJid(chat), context, by);
}

async function ownRead(
  stanza: BinaryNode,
  chat: string,
  { jidsOf }: ReceiptContext,
  by: Person | null,
): Promise<Change> {
  const chatIds = isGroupJid(chat) ? [chat] : await jidsOf(chat);
  const at = new Date(secondsOf(stanza) * 1000).toISOString();
  return { readReports: [{ chatIds, waIds: idsIn(stanza), by, at }] };
}

/** Returns the ids of all messages that a receipt names. */
function idsIn(stanza: BinaryNode): string[] {
  const list = getBinaryNodeChild(stanza, "list");
  const more = list ? getBinaryNodeChildren(list, "item").flatMap((item) => item.attrs.id ?? []) : [];
  return [...new Set([stanza.attrs.id ?? "", ...more])].slice(0, maxItems);
}

/**
 * Returns who reports what. WhatsApp may report several members of a group in one stanza, with `participants` instead of
 * the attribute `participant`. Source: `handleGroupedReceipt` in whatsmeow's receipt.go.
 */
function reportsIn(stanza: BinaryNode, from: string): Report[] {
  const { id = "", participant, participant_pn, participant_lid } = stanza.attrs;
  if (!participant && hasMembers(from)) {
    const grouped = getBinaryNodeChildren(stanza, "participants");
    const users = grouped.flatMap((group) =>
      getBinaryNodeChildren(group, "user").map(({ attrs: { jid, t } }) => ({ waId: group.attrs.key || id, jid, t })),
    );
    return users
      .slice(0, maxItems)
      .flatMap(({ waId, jid, t }) => (jid ? [{ waIds: [waId], by: plainJid(jid), timestamp: unixSeconds(t) }] : []));
  }
  const waIds = idsIn(stanza);
  const other = plainJid(participant_pn ?? participant_lid) || undefined;
  return [{ waIds, by: plainJid(participant ?? from), other, timestamp: secondsOf(stanza) }];
}

const hasMembers = (chat: string) => isGroupJid(chat) || plainJid(chat) === statusChat;

async function changeOf(
  { jidsOf }: ReceiptContext,
  chat: string,
  status: Receipt["status"],
  reports: readonly Report[],
): Promise<Change> {
  const progress = await Promise.all(
    reports.map(async ({ other, ...report }): Promise<Receipt> => {
      const known = await jidsOf(report.by);
      const people = other && known.length === 1 && other !== report.by ? [...known, other] : known;
      return { ...report, status, chats: chat === report.by ? people : [chat], people };
    }),
  );
  // A receipt shows that WhatsApp has accepted the message. The acknowledgement itself may be missing, because the host
  // died before it arrived.
  const acks = progress.flatMap(({ waIds, chats, people }) =>
    waIds.map((waId) => ({ waId, receipt: { chats, people } })),
  );
  return { acks, progress };
}
