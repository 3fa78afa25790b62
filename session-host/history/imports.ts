import type { AuthenticationCreds, WASocket } from "@whiskeysockets/baileys";
import type { Clock } from "../../core/clock.ts";
import type { Vault } from "../../core/crypto/index.ts";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import type { Database } from "../../core/db/index.ts";
import { AppError } from "../../core/error.ts";
import type { EventData } from "../../core/event/catalog/index.ts";
import type { HistoryCursor, HistoryPhase } from "../../core/history/history.sql.ts";
import { completionOf, readHistoryState } from "../../core/history/index.ts";
import type { Logger } from "../../core/log.ts";
import { lidsOf } from "../baileys/address/jids.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import { asInstance } from "../concurrency/instance-context.ts";
import type { ContactSource } from "../inbound/contacts.ts";
import type { DisappearingTimers } from "../inbound/disappearing.ts";
import type { Ignoring } from "../inbound/ignored.ts";
import { changeOfWaiting } from "../inbound/message/notes.ts";
import type { WaitingNotes } from "../inbound/message/waiting.ts";
import { withUnarchivals } from "../inbound/unarchival.ts";
import type { Change } from "../ledger/change.ts";
import { merged } from "../ledger/merge.ts";
import { DamagedFile } from "../media/download.ts";
import type { MediaConnection } from "../media/downloads.ts";
import { inTempFolder } from "../media/temp-folder.ts";
import { fetchHistory } from "./blob.ts";
import { start } from "./decode.ts";
import type { MessageSlice, OutlineSlice } from "./decode-job.ts";
import type { HistoryDecoder } from "./decoder.ts";
import { processOutline } from "./outline.ts";
import { historyRow } from "./rows.ts";

/** The part of a connection that an import needs. */
export interface HistoryConnection extends MediaConnection {
  readonly sock: WASocket;
  readonly creds: AuthenticationCreds;
  readonly contacts: Pick<ContactSource, "ofHistory">;
  readonly disappearing: Pick<DisappearingTimers, "ofHistory">;
  readonly waiting: Pick<WaitingNotes, "notesFor">;
  readonly settings: Ignoring;
  /** Runs work while no message is decrypted and recorded. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface HistoryImportsDeps {
  db: Database;
  vault: Vault;
  log: Logger;
  clock: Clock;
  owner: Owner;
  decoder: HistoryDecoder;
  record: (change: Change) => Promise<void>;
}

interface WaitingPart {
  waId: string;
  phase: HistoryPhase;
  percent: number | null;
  withMessages: boolean;
  notification: Buffer;
  cursor: HistoryCursor | null;
  attempts: number;
}

const maxAttempts = 3;
const retryMs = 5_000;
/** The cursor after the last slice, so that a restart before the end of the part is recorded does not count it twice. */
const finished: HistoryCursor = { conversation: -1, message: 0, received: 0, chat: null };
/** Maximum number of contacts and of timers in one change. */
const maxFacts = 500;

/** Imports the parts of the history that the phone of one instance offers, one after another. */
export class HistoryImports {
  readonly #deps: HistoryImportsDeps;
  #connection: HistoryConnection | undefined;
  #running = false;
  #wokenAgain = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: HistoryImportsDeps) {
    this.#deps = deps;
  }

  /** Imports over this connection from now on. */
  connected(connection: HistoryConnection): void {
    this.#connection = connection;
    this.wake();
  }

  /** Imports nothing until the next connection. */
  disconnected(): void {
    clearTimeout(this.#timer);
    this.#connection = undefined;
  }

  /** Imports the parts that wait. */
  wake(): void {
    if (this.#running) {
      this.#wokenAgain = true;
      return;
    }
    if (!this.#connection) return;
    this.#running = true;
    clearTimeout(this.#timer);
    const { log, owner } = this.#deps;
    asInstance(owner.instanceId, () => this.#importWaiting())
      .catch((error: unknown) => {
        log.warn({ err: error, instanceId: owner.instanceId }, "a part of the history was not imported and waits");
        this.#wakeIn(retryMs);
      })
      .finally(() => {
        this.#running = false;
        if (!this.#wokenAgain) return;
        this.#wokenAgain = false;
        this.wake();
      });
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), ms).unref();
  }

  async #importWaiting(): Promise<void> {
    const { db, decoder, owner } = this.#deps;
    for (let connection = this.#connection; connection; connection = this.#connection) {
      const [part] = await db.sql<WaitingPart[]>`
        select wa_id as "waId", phase, percent, with_messages as "withMessages", notification, cursor, attempts
        from history_parts where instance_id = ${owner.instanceId} and state = 'waiting' order by position limit 1`;
      if (!part) return await this.#complete();
      const current = connection;
      await decoder.inTurn(owner, () => this.#importPart(current, part));
    }
  }

  async #importPart(connection: HistoryConnection, part: WaitingPart): Promise<void> {
    try {
      await inTempFolder((folder) => this.#importFrom(connection, part, folder));
      await this.#end(part, null);
    } catch (error) {
      if (this.#connection !== connection) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      // A retry would have the same result.
      if (isFinal(error) || part.attempts + 1 >= maxAttempts) return await this.#end(part, reason);
      await this.#deps.record({ historySteps: [{ waId: part.waId, failedAttempt: reason }] });
      throw error;
    }
  }

  async #importFrom(connection: HistoryConnection, part: WaitingPart, folder: string): Promise<void> {
    const { vault, owner } = this.#deps;
    const place = sealedPlace.historyNotification(owner.instanceId, part.waId);
    const path = await fetchHistory(vault.open(part.notification, place), connection, folder);
    // Contacts are read again after a crash. The numbers of LIDs are needed for the messages.
    await this.#importOutline(connection, part, path);
    if (part.withMessages) await this.#importMessages(connection, part, path);
  }

  async #importOutline(connection: HistoryConnection, part: WaitingPart, path: string): Promise<void> {
    const { decoder, owner, record } = this.#deps;
    for (let from: number | null = 0; from !== null; ) {
      this.#assertOpen(connection);
      const slice: OutlineSlice = await decoder.run(owner, { name: "outline", path, from });
      const bytes = Buffer.from(slice.history, "base64");
      const reported = await processOutline(connection.sock, connection.creds, part.phase, bytes);
      for (const history of reported) {
        const contacts = await connection.contacts.ofHistory(connection.sock, history);
        const timers = await connection.disappearing.ofHistory(connection.sock, history);
        for (let at = 0; at < Math.max(contacts.length, timers.length); at += maxFacts)
          await record({ contacts: contacts.slice(at, at + maxFacts), timers: timers.slice(at, at + maxFacts) });
      }
      from = slice.next;
    }
  }

  async #importMessages(connection: HistoryConnection, part: WaitingPart, path: string): Promise<void> {
    const { decoder, owner, record, log } = this.#deps;
    const { sock, creds } = connection;
    const me = { id: creds.me?.id ?? "", lid: creds.me?.lid ?? "" };
    const knownLids = (phones: readonly string[]) => lidsOf(sock.authState.keys, phones);
    const account = { instanceId: owner.instanceId, me, lidsOf: knownLids, ignoring: connection.settings };
    const phoneOf = (lid: string) => sock.signalRepository.lidMapping.getPNForLID(lid);
    const scope = { waiting: connection.waiting, lidMapping: sock.signalRepository.lidMapping, phoneOf, log };
    for (let from: HistoryCursor = part.cursor ?? start; from.conversation !== finished.conversation; ) {
      const startedAt = performance.now();
      this.#assertOpen(connection);
      const slice: MessageSlice = await decoder.run(owner, { name: "messages", path, from });
      const read = [];
      for (const message of slice.messages) {
        const found = await historyRow(message, account, phoneOf);
        if (found) read.push(found);
      }
      const cursor = slice.next ?? finished;
      const step = { waId: part.waId, messages: read.length, cursor };
      const reactions = read.flatMap((one) => one.reactions);
      const messages = read.map(({ message }) => message);
      const imported: Change = { messages, reactions, historySteps: [step] };
      // A note about one of these messages arrives either before this, and waits, or after it, and finds the message.
      const recorded = await connection.exclusively(async () => {
        const waited: Change[] = [];
        for (const message of messages) waited.push(await changeOfWaiting(message, account, scope));
        return { durable: record(merged([withUnarchivals(imported, creds), ...waited])) };
      });
      await recorded.durable;
      from = cursor;
      // Half of the time belongs to the messages that arrive meanwhile.
      await new Promise((resolve) => setTimeout(resolve, performance.now() - startedAt));
    }
  }

  /** Records the end of a part, and announces it if the instance imports messages. */
  async #end({ waId, phase, percent, withMessages }: WaitingPart, error: string | null): Promise<void> {
    const { db, log, owner, record } = this.#deps;
    const { instanceId } = owner;
    if (error !== null) log.warn({ instanceId, phase, reason: error }, "a part of the history could not be imported");
    const state = await readHistoryState(db, instanceId);
    if (!state) return;
    const { totals } = state;
    const failedParts = totals.failedParts + (error === null ? 0 : 1);
    const data: EventData<"history.progress"> = { phase, percent, error, ...totals, failedParts };
    await record({
      historySteps: [{ waId, end: { error } }],
      events: withMessages ? [{ type: "history.progress", data }] : [],
      correlationId: waId,
    });
  }

  /** Announces that the history is complete, or sets a timer for it. */
  async #complete(): Promise<void> {
    const { db, clock, owner, record } = this.#deps;
    const state = await readHistoryState(db, owner.instanceId);
    const now = clock.now();
    const completion = state && completionOf(state, now);
    if (!state || completion === undefined) return;
    if (typeof completion === "number") return this.#wakeIn(completion);
    await record({
      instance: { history_completed_at: now },
      events: [{ type: "history.completed", data: { reason: completion, ...state.totals } }],
    });
  }

  #assertOpen(connection: HistoryConnection): void {
    if (this.#connection !== connection) throw new Error("the instance is not connected");
  }
}

const isFinal = (error: unknown) => error instanceof DamagedFile || error instanceof AppError;
