import type { Database } from "../../../core/db/index.ts";
import type { NoteEnvelope } from "../../../core/message/about.sql.ts";
import { findTargets, type TargetMessage } from "../../../core/message/about.ts";
import type { Change, NewMessage } from "../../ledger/change.ts";

/** A note that waits, as it is stored. */
export interface StoredNote {
  noteId: string;
  senderId: string;
  envelope: NoteEnvelope;
  payload: Uint8Array;
}

export interface WaitingOptions {
  db: Database;
  instanceId: string;
  /** Resolves when all changes that were recorded before are durable. */
  settled: () => Promise<void>;
  /** Called when the database can't be read. */
  fail: (error: unknown) => void;
}

/**
 * The messages that notes are about, and the notes that wait for their message. A note may arrive immediately after its
 * message, and before the commit of that message.
 */
export class WaitingNotes {
  readonly #options: WaitingOptions;
  /** WhatsApp's ids of the awaited messages. Loaded with the first message of the connection. */
  #awaited: Promise<Set<string>> | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Returns the messages of the history with this id in one of these chats. */
  readonly find = (waId: string, chatIds: readonly string[]): Promise<TargetMessage[]> => {
    const { db, instanceId, settled } = this.#options;
    return this.#read(async () => {
      const found = await findTargets(db, instanceId, waId, chatIds);
      if (found.length > 0) return found;
      await settled();
      return await findTargets(db, instanceId, waId, chatIds);
    });
  };

  /** Notes which messages are awaited after a change. */
  async note(change: Change): Promise<void> {
    if (!change.waiting) return;
    const awaited = await this.#ids();
    for (const { targetId } of change.waiting) awaited.add(targetId);
  }

  /** Returns the notes that wait for this message, oldest first. */
  async notesFor({ wa_id }: NewMessage): Promise<StoredNote[]> {
    const awaited = await this.#ids();
    if (!awaited.has(wa_id)) return [];
    const { db, instanceId, settled } = this.#options;
    return await this.#read(async () => {
      await settled();
      return await db.sql<StoredNote[]>`
        select note_id as "noteId", sender_id as "senderId", envelope, payload from waiting_notes
        where instance_id = ${instanceId} and target_id = ${wa_id} order by created_at, note_id`;
    });
  }

  #ids(): Promise<Set<string>> {
    const { db, instanceId } = this.#options;
    this.#awaited ??= this.#read(async () => {
      const rows = await db.sql<{ target_id: string }[]>`
        select distinct target_id from waiting_notes where instance_id = ${instanceId}`;
      return new Set(rows.map((row) => row.target_id));
    });
    return this.#awaited;
  }

  async #read<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#options.fail(error);
      throw error;
    }
  }
}
