import type { Wait, WaitReason } from "../../../core/restriction/index.ts";
import type { OrderedCommand } from "../claim/claimed-command.ts";
import { type HeldSend, stepMs } from "./held-back.ts";

/** A send that waits. */
export interface IndexedSend {
  readonly id: string;
  /** The JIDs of its chat. */
  jids: readonly string[];
  readonly inBulk: boolean;
  wait: Wait;
  /** Whether the database has it. Until then, no change in the database reaches it. */
  isStored: boolean;
  /** Whether it is due now, and the database doesn't know that yet. */
  isDue: boolean;
}

/**
 * The sends of one instance that `HeldBack` has stored or is about to store, in memory. Chooses the times of their next
 * tries: those of single sends that wait for the same reason are one step apart.
 */
export class HeldIndex {
  readonly #byId = new Map<string, IndexedSend>();
  /** By JID of the chat, in the order in which they were added. */
  readonly #byChat = new Map<string, Set<IndexedSend>>();

  get size(): number {
    return this.#byId.size;
  }

  /** Adds a send that the database doesn't have yet, and chooses when it is tried again. */
  add({ id, chatId, inBulk = false }: OrderedCommand, wait: Wait): IndexedSend {
    this.forget(id);
    const until = inBulk ? wait.until : this.#nextTime(wait);
    return this.#insert({ id, jids: [], inBulk, wait: { ...wait, until }, isStored: false, isDue: false }, [
      chatId ?? "",
    ]);
  }

  /** Adds a send that the database has. */
  restore({ id, chatId, inBulk, reason, until }: HeldSend): void {
    this.#insert({ id, jids: [], inBulk, wait: { reason, until }, isStored: true, isDue: false }, [chatId]);
  }

  /** Sets all JIDs of the chat of a send. */
  setChat(send: IndexedSend, jids: readonly string[]): void {
    if (this.#byId.get(send.id) === send) this.#insert(send, jids);
  }

  forget(id: string): void {
    const send = this.#byId.get(id);
    if (send) this.remove(send);
  }

  /** Removes a send, unless it waits anew. */
  remove(send: IndexedSend): void {
    if (this.#byId.get(send.id) !== send) return;
    this.#byId.delete(send.id);
    for (const jid of send.jids) {
      const sends = this.#byChat.get(jid);
      sends?.delete(send);
      if (sends?.size === 0) this.#byChat.delete(jid);
    }
  }

  /** Returns the sends to a chat, the last one first. */
  inChat(jids: readonly string[]): IndexedSend[] {
    return [...new Set(jids.flatMap((jid) => [...(this.#byChat.get(jid) ?? [])]))].reverse();
  }

  /** Returns the sends that the database has. */
  stored(): IndexedSend[] {
    return [...this.#byId.values()].filter((send) => send.isStored);
  }

  /** Returns the sends that wait for a reason, those that the database doesn't have yet included. */
  waitingFor(reason: WaitReason): IndexedSend[] {
    return [...this.#byId.values()].filter((send) => send.wait.reason === reason);
  }

  /** Makes sends due. */
  release(sends: readonly IndexedSend[], now: Date): void {
    for (const send of sends) {
      // A released send no longer waits for the end of a pause, and neither do later sends to its chat.
      send.wait = { reason: send.wait.reason === "paused" ? "pace" : send.wait.reason, until: now };
      send.isDue = true;
    }
  }

  /** Changes when the sends that wait for a reason are tried again, as `HeldBack.postpone` does. */
  postpone({ reason, until }: Wait): void {
    // Ids sort by acceptance.
    const sends = [...this.#byId.values()].filter(({ wait }) => wait.reason === reason);
    sends.sort((a, b) => (a.id < b.id ? -1 : 1));
    let place = 0;
    for (const send of sends) {
      const delay = send.inBulk ? 0 : place++ * stepMs[reason];
      send.wait = { reason, until: new Date(until.getTime() + delay) };
      // The database can't move a send that it doesn't have yet. It is tried at once, and waits anew if it must.
      if (!send.isStored) send.isDue = true;
    }
  }

  #insert(send: IndexedSend, jids: readonly string[]): IndexedSend {
    send.jids = [...new Set([...send.jids, ...jids])];
    this.#byId.set(send.id, send);
    for (const jid of send.jids) this.#byChat.set(jid, (this.#byChat.get(jid) ?? new Set()).add(send));
    return send;
  }

  /** Returns the first time that is one step after the other single sends that wait for the same reason. */
  #nextTime({ reason, until }: Wait): Date {
    let time = until.getTime();
    for (const { wait, inBulk } of this.#byId.values())
      if (!inBulk && wait.reason === reason) time = Math.max(time, wait.until.getTime() + stepMs[reason]);
    return new Date(time);
  }
}
