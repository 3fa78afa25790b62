import { AsyncLocalStorage } from "node:async_hooks";
import type { WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import type { Addressing } from "../baileys/address/addressing.ts";
import { type Received, receiptKey } from "../executors/message-action.ts";
import type { Change } from "../ledger/change.ts";

export interface AutoReaderDeps {
  db: Database;
  sock: WASocket;
  addressing: Addressing;
  instanceId: string;
  log: Logger;
  record: (change: Change) => Promise<void>;
}

/** Messages that arrive within this time are marked as read together. Milliseconds. */
const collectMs = 250;
const batchSize = 256;
const retryMs = 5_000;

/**
 * Marks the messages of one connection as read that the instance reads on its own (`auto_reads`). The table survives a
 * restart, so that the next host marks what the last one did not. A repeated read receipt changes nothing.
 */
export class AutoReader {
  readonly #deps: AutoReaderDeps;
  /** Runs work outside of the key store's transaction in which a message was found. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #open = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: AutoReaderDeps) {
    this.#deps = deps;
  }

  /** Marks what an earlier connection did not. Call this when the connection is open. */
  start(): void {
    this.#open = true;
    this.wake();
  }

  stop(): void {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  /** Marks what is stored. Call this when a message is durable. */
  wake(): void {
    if (this.#open && !this.#timer) this.#wakeIn(collectMs);
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#turn = this.#turn.then(() => this.#outside(() => this.#run()));
    }, ms).unref();
  }

  async #run(): Promise<void> {
    const { log, instanceId } = this.#deps;
    try {
      while (this.#open && (await this.#markNext()) === batchSize);
    } catch (error) {
      if (!this.#open) return;
      log.warn({ err: error, instanceId }, "messages could not be marked as read; trying again");
      this.#wakeIn(retryMs);
    }
  }

  /** Returns how many messages it marked. */
  async #markNext(): Promise<number> {
    const { db, sock, addressing, instanceId, record } = this.#deps;
    const rows = await db.sql<Received[]>`
      select m.id, m.wa_id as "waId", m.chat_id as "chatId", m.sender_id as "senderId", m.sender_lid as "senderLid"
      from auto_reads a join messages m on m.id = a.message_id
      where a.instance_id = ${instanceId} order by m.id limit ${batchSize}`;
    if (rows.length === 0) return 0;
    await sock.readMessages(await Promise.all(rows.map((row) => receiptKey(addressing, row))));
    await record({ readMarks: rows.map(({ id }) => id) });
    return rows.length;
  }
}
