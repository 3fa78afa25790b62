import { AsyncLocalStorage } from "node:async_hooks";
import { type BinaryNode, proto, type WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { secondsOf } from "../baileys/address/jids.ts";
import type { Ignoring } from "../inbound/ignored.ts";
import type { Me } from "../inbound/message/address.ts";
import type { StoredUnreadable } from "../inbound/unreadable/answer.ts";
import { isRequestable, keyOf, unreadableRow } from "../inbound/unreadable/journal.ts";
import type { Change } from "../ledger/change.ts";

export interface PhoneRequestsDeps {
  db: Database;
  sock: WASocket;
  instanceId: string;
  log: Logger;
  me: () => Me;
  ignoring: Ignoring;
  /** Resolves when the change is durable. */
  record: (change: Change) => Promise<void>;
}

/**
 * The delays after the first and the second request for a message. After the third request, the phone is not asked
 * again. Milliseconds.
 */
const delays = [10 * 60_000, 6 * 60 * 60_000];
/** The delay before a request that an earlier connection sent is repeated. Its answer may arrive first. Milliseconds. */
const repeatAfterMs = 5_000;
/**
 * The pauses between two requests, for the first ones in a row and for further ones: a stranger can cause any number of
 * requests. Milliseconds.
 */
const pauseMs = 200;
const longPauseMs = 2_000;
const shortPauses = 10;
const batchSize = 100;
const retryMs = 5_000;
const longestTimerMs = 24 * 60 * 60_000;

/**
 * Announces messages of one connection that stay unreadable, and asks the owner's phone for their content. Requests are
 * sent outside of Baileys' queue of received messages, so no message waits for them. The table `unreadable_messages` has
 * the requests that are due, so a request that a dead host did not send, or whose answer it lost, is sent again.
 *
 * The request has the form of WhatsApp Web's (`sendPeerDataOperationMessage` in Baileys 7.0.0-rc14,
 * `Socket/messages-send.js`; `BuildUnavailableMessageRequest` in whatsmeow's send.go).
 */
export class PhoneRequests {
  readonly #deps: PhoneRequestsDeps;
  /** Runs work outside of the key store's transaction in which an unreadable message was found. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #running = false;
  #again = false;
  #open = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: PhoneRequestsDeps) {
    this.#deps = deps;
  }

  /** Starts to send requests. Call this when the connection is open. */
  async start(): Promise<void> {
    const { db, instanceId } = this.#deps;
    this.#open = true;
    await this.#logged(async () => {
      const soon = new Date(Date.now() + repeatAfterMs);
      await db.sql`
        update unreadable_messages set due_at = ${soon}
        where instance_id = ${instanceId} and due_at > ${soon} and requests > 0`;
    });
    this.wake();
  }

  stop(): void {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  /** Handles what is due. Call this when an unreadable message is stored. */
  wake(): void {
    if (!this.#open) return;
    this.#again = true;
    if (!this.#running) void this.#outside(() => this.#run());
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again && this.#open) {
      this.#again = false;
      await this.#logged(async () => {
        await this.#announceDue();
        for (let sent = 1; this.#open && (await this.#askNext()); sent++) {
          await new Promise((resolve) => setTimeout(resolve, sent < shortPauses ? pauseMs : longPauseMs));
          await this.#announceDue();
        }
        await this.#wakeWhenDue();
      });
    }
    this.#running = false;
  }

  /** Runs a step. If it fails, logs the error and tries again later, unless the connection has ended. */
  async #logged(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!this.#open) return;
      const { log, instanceId } = this.#deps;
      log.warn({ err: error, instanceId }, "unreadable messages could not be handled; trying again");
      this.#wakeIn(retryMs);
    }
  }

  /** Announces the messages of which no readable copy has come in time. */
  async #announceDue(): Promise<void> {
    const { db, instanceId, record } = this.#deps;
    while (this.#open) {
      const due = await db.sql<StoredUnreadable[]>`
        select ${columns(db.sql)} from unreadable_messages
        where instance_id = ${instanceId} and due_at <= ${new Date()} and message_id is null and not hidden
        order by due_at limit ${batchSize}`;
      const changes = await Promise.all(due.map((stored) => this.#announcement(stored)));
      await Promise.all(changes.map((change) => record(change)));
      if (due.length < batchSize) return;
    }
  }

  async #announcement(stored: StoredUnreadable): Promise<Change> {
    const { sock, instanceId, me, ignoring } = this.#deps;
    const { waId, sender, reason } = stored;
    const stanza = stanzaOf(stored);
    const requested = isRequestable(reason, secondsOf(stanza));
    const phoneOf = (lid: string) => sock.signalRepository.lidMapping.getPNForLID(lid);
    const message = await unreadableRow({ instanceId, me: me(), phoneOf, ignoring }, stanza, { reason, requested });
    if (!message) return { phoneRequests: [{ waId, sender, dueAt: null }], correlationId: waId };
    const dueAt = requested ? new Date() : null;
    return { unreadable: [{ ...stored, message, dueAt, pending: true }], correlationId: waId };
  }

  async #wakeWhenDue(): Promise<void> {
    const { db, instanceId } = this.#deps;
    const [next] = await db.sql<{ dueAt: Date | null }[]>`
      select min(due_at) as "dueAt" from unreadable_messages where instance_id = ${instanceId} and due_at is not null`;
    if (next?.dueAt) this.#wakeIn(next.dueAt.getTime() - Date.now());
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#open) return;
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(ms, 0), longestTimerMs));
    this.#timer.unref();
  }

  /** Asks the phone for the next message that is due. Returns false if there is none. */
  async #askNext(): Promise<boolean> {
    const { db, instanceId, me, record, log } = this.#deps;
    const [stored] = await db.sql<StoredUnreadable[]>`
      select ${columns(db.sql)} from unreadable_messages
      where instance_id = ${instanceId} and due_at <= ${new Date()} and (message_id is not null or hidden)
      order by due_at limit 1`;
    if (!stored) return false;
    const { waId, sender, reason } = stored;
    const stanza = stanzaOf(stored);
    const key = isRequestable(reason, secondsOf(stanza)) ? keyOf(stanza, me()) : undefined;
    const requests = stored.requests + 1;
    const delay = key && delays[requests - 1];
    const dueAt = delay === undefined ? null : new Date(Date.now() + delay);
    await record({ phoneRequests: [{ waId, sender, requests, dueAt }], correlationId: waId });
    if (!key || !(await this.#isUnreadable(stored))) return true;
    await this.#ask(key);
    log.info({ correlationId: waId, instanceId, waId, reason, requests }, "asked the phone for an unreadable message");
    return true;
  }

  /** Returns whether the content of the message is still missing. */
  async #isUnreadable({ waId, sender }: StoredUnreadable): Promise<boolean> {
    const { db, instanceId } = this.#deps;
    const rows = await db.sql`
      select 1 from unreadable_messages where instance_id = ${instanceId} and wa_id = ${waId} and sender = ${sender}`;
    return rows.length > 0;
  }

  async #ask({ remoteJid = null, fromMe = null, id = null, participant }: proto.IMessageKey): Promise<void> {
    const { sock } = this.#deps;
    await sock.sendPeerDataOperationMessage({
      peerDataOperationRequestType: proto.Message.PeerDataOperationRequestType.PLACEHOLDER_MESSAGE_RESEND,
      placeholderMessageResendRequest: [
        { messageKey: { remoteJid, fromMe, id, ...(participant ? { participant } : {}) } },
      ],
    });
  }
}

const stanzaOf = ({ attrs }: StoredUnreadable): BinaryNode => ({ tag: "message", attrs });

const columns = (sql: Database["sql"]) => sql`
  wa_id as "waId", sender, sender_alt as "senderAlt", attrs, reason, hidden, message_id as "messageId", requests`;

/** Returns the unreadable messages with an id. */
export async function findUnreadable(db: Database, instanceId: string, waId: string): Promise<StoredUnreadable[]> {
  return await db.sql<StoredUnreadable[]>`
    select ${columns(db.sql)} from unreadable_messages where instance_id = ${instanceId} and wa_id = ${waId}`;
}
