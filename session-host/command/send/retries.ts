import {
  type BinaryNode,
  getBinaryNodeChild,
  jidDecode,
  normalizeMessageContent,
  proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import { boundId, isJid } from "../../../core/bound.ts";
import type { Database } from "../../../core/db/index.ts";
import type { Logger } from "../../../core/log.ts";
import { lruCache } from "../../../core/lru.ts";
import { isGroupJid } from "../../../core/message/recipient.ts";
import { knownJids, plainJid } from "../../baileys/address/jids.ts";
import { newDeviceMs } from "../../baileys/send/recipients.ts";
import { type RetryRequest, resend } from "../../baileys/send/resend.ts";

/** Maximum number of copies of one message for one device. Source: `maxMsgRetryCount` in Baileys' Defaults/index.js. */
const maxRetries = 5;
/** Number of messages and devices whose copies are counted. */
const maxCounted = 10_000;
/** Maximum number of requests that wait for their turn. Further requests are ignored. */
const maxWaiting = 500;
/** WhatsApp drops a message that it could not deliver for 30 days, so no device receives its first copy later. */
const maxAgeMs = 30 * 24 * 60 * 60_000;

/** A sent message and its recipients. */
export interface SentMessage {
  chatId: string;
  message: proto.IMessage;
  /** Attributes of the `message` node, such as `edit`. */
  attributes?: Record<string, string>;
  /** JIDs of the people and devices to which the message was encrypted. */
  recipients: readonly string[];
  sentAt: Date;
}

/** Counts the copies of messages for each device. Kept for the whole session, across connections. */
export class RetryCounts {
  readonly #counts = lruCache<string, number>(maxCounted);

  /** Counts a copy. Returns false if the device had the maximum number of copies before. */
  add(waId: string, device: string): boolean {
    const key = `${waId} ${device}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count > maxRetries) return false;
    this.#counts.set(key, count);
    return true;
  }
}

export interface RetriesDeps {
  sock: WASocket;
  db: Database;
  instanceId: string;
  log: Logger;
  isMe: (jid: string) => boolean;
  counts: RetryCounts;
  /** Returns a message that was sent with this id and is not in the database. */
  recall: (waId: string) => SentMessage | undefined;
}

/** Returns whether a receipt asks for a message again. */
export const isRetry = ({ attrs }: BinaryNode): boolean => attrs.type === "retry";

/**
 * Sends messages again to devices that could not decrypt them. Replaces Baileys' own handling, which sends any message
 * to anyone who knows its id.
 *
 * WhatsApp Web keeps the devices that a message was sent to, and answers no other device (`isRetryEligible` in its
 * module WAWebApiMessageInfoStore, `getMsgIfAuthorized` in github.com/burstfreeze/appjs, app/4582.*.js). Whatsmeow
 * leaves the decision to its caller (`PreRetryCallback` in retry.go).
 */
export class Retries {
  readonly #deps: RetriesDeps;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(deps: RetriesDeps) {
    this.#deps = deps;
  }

  /** Answers a retry receipt, after earlier ones, and acknowledges it. */
  handle(receipt: BinaryNode): Promise<void> {
    if (this.#waiting >= maxWaiting) return this.#acknowledge(receipt);
    this.#waiting++;
    this.#turn = this.#turn.then(async () => {
      try {
        await this.#answer(receipt);
      } catch (error) {
        const { id: waId } = receipt.attrs;
        const { log, instanceId } = this.#deps;
        log.warn({ correlationId: waId, err: error, instanceId, waId }, "a message could not be sent again");
      }
      this.#waiting--;
      await this.#acknowledge(receipt);
    });
    return this.#turn;
  }

  async #answer(receipt: BinaryNode): Promise<void> {
    const { sock, counts, log, instanceId } = this.#deps;
    const request = requestIn(receipt, this.#deps.isMe);
    if (!request) return;
    const { waId, device } = request;
    const found = await this.#find(request);
    const isAllowed =
      found && isStanding(found) && (await this.#isAddressed(found, device)) && counts.add(waId, device);
    if (isAllowed) await resend(sock, request, found.message, found.attributes);
    else log.debug({ correlationId: waId, instanceId, waId, device }, "a request for a message was ignored");
  }

  /** Returns the message if it was sent to the chat of the request and was not deleted. */
  async #find({ waId, chat }: RetryRequest): Promise<SentMessage | undefined> {
    const chats = await knownJids(this.#deps.sock, chat);
    const recalled = this.#deps.recall(waId);
    const found = recalled ?? (await this.#read(waId, chats));
    if (!found || !chats.includes(found.chatId)) return undefined;
    const { protocolMessage } = normalizeMessageContent(found.message) ?? {};
    const edited = protocolMessage?.editedMessage ? protocolMessage.key?.id : undefined;
    // When a message is deleted, the texts of its edits are deleted too.
    return edited && (await this.#isDeleted(edited, chats)) ? undefined : found;
  }

  async #isDeleted(waId: string, chats: readonly string[]): Promise<boolean> {
    const { db, instanceId } = this.#deps;
    const [row] = await db.sql`
      select 1 from messages where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chats}::text[])
        and from_me and deleted_at is not null limit 1`;
    return row !== undefined;
  }

  async #read(waId: string, chats: readonly string[]): Promise<SentMessage | undefined> {
    const { db, instanceId } = this.#deps;
    const [row] = await db.sql<
      { chatId: string; payload: Buffer; sentAt: Date; jids: string[] | null; audience: string[] | null }[]
    >`
      select chat_id as "chatId", payload, sent_at as "sentAt", jids, context->'audience' as audience from messages
      left join recipient_lists on recipient_lists.instance_id = messages.instance_id and hash = recipients
      where messages.instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chats}::text[]) and from_me
        and payload is not null and deleted_at is null and status in ('pending', 'sent', 'delivered', 'read')
      limit 1`;
    if (!row) return undefined;
    const { chatId, payload, sentAt, jids, audience } = row;
    const message = proto.Message.decode(payload);
    // The owner's phone sent this message, and answers the retry receipts for it.
    if (message.deviceSentMessage) return undefined;
    // An older version did not store the recipients. Who was in a group at that time is not known.
    const recipients = jids ?? audience ?? (isGroupJid(chatId) ? [] : [...chats, ...this.#own()]);
    return { chatId, message, recipients, sentAt };
  }

  #own(): string[] {
    const { user } = this.#deps.sock;
    return [user?.id, user?.lid].map(plainJid).filter(Boolean);
  }

  /**
   * Returns whether the message was encrypted for this device. WhatsApp may report a new device late, so soon after the
   * message, a new device of a recipient counts too.
   */
  async #isAddressed({ recipients, sentAt }: SentMessage, device: string): Promise<boolean> {
    // Without the servers of hosted devices.
    const addressed = new Set(recipients.map((jid) => deviceJid(plainJid(jid), jidDecode(jid)?.device ?? 0)));
    const number = jidDecode(device)?.device ?? 0;
    const people = await knownJids(this.#deps.sock, device);
    if (people.some((person) => addressed.has(deviceJid(person, number)))) return true;
    return Date.now() - sentAt.getTime() < newDeviceMs && people.some((person) => addressed.has(person));
  }

  async #acknowledge(receipt: BinaryNode): Promise<void> {
    const { sock, log, instanceId } = this.#deps;
    await sock.sendMessageAck(receipt).catch((error: unknown) => {
      log.debug({ err: error, instanceId }, "a retry receipt could not be acknowledged");
    });
  }
}

/** Returns the request in a retry receipt, or undefined if the receipt is malformed or has too high a number. */
function requestIn(receipt: BinaryNode, isMe: (jid: string) => boolean): RetryRequest | undefined {
  const { id: waId, from, participant, recipient } = receipt.attrs;
  const count = Number(getBinaryNodeChild(receipt, "retry")?.attrs.count ?? 1);
  const device = participant ?? from;
  if (!waId || !from || !device || !(count >= 1 && count <= maxRetries)) return undefined;
  const isOwn = isMe(device);
  const chat = participant ? from : isOwn ? recipient : from;
  // The gateway's own messages have no such ids.
  if (boundId(waId) !== waId || !isJid(device) || !chat || !isJid(chat)) return undefined;
  return { waId, chat: plainJid(chat), device, isOwn, count, receipt };
}

/** Returns whether a message may still be read: it is not too old, and has not disappeared. */
function isStanding({ message, sentAt }: SentMessage): boolean {
  const age = Date.now() - sentAt.getTime();
  return age < Math.min(maxAgeMs, lifetimeMs(message));
}

/** Returns after how many milliseconds a message disappears, if it does. */
function lifetimeMs(message: proto.IMessage): number {
  const parts = Object.values(normalizeMessageContent(message) ?? {}) as ({
    contextInfo?: proto.IContextInfo;
  } | null)[];
  const seconds = parts.map((part) => Number(part?.contextInfo?.expiration ?? 0)).find((expiration) => expiration > 0);
  return seconds ? seconds * 1000 : Number.POSITIVE_INFINITY;
}

const deviceJid = (person: string, device: number): string => (device ? person.replace("@", `:${device}@`) : person);
