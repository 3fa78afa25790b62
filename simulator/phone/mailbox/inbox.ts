import type { proto } from "../../wire/baileys.ts";
import type { Content } from "../../wire/content.ts";
import { type Fate, untouched } from "./fate.ts";
import { Waiters } from "./waiters.ts";

/** A message as a phone shows it. JIDs are phone-number JIDs, or those of groups and channels. */
export type InboxMessage = Content &
  Fate & {
    id: string;
    /** JID of the other side, or of the group or channel. */
    chat: string;
    from: string;
    fromLid: string;
    /** The device that sent it: 0 is a phone, others are linked devices. */
    fromDevice: number;
    /** Whether a linked device of this account sent it. */
    fromMe: boolean;
    pushName: string | undefined;
    /** Server time in seconds since the epoch. */
    timestamp: number;
    /** How the sender addressed it. */
    addressing: "pn" | "lid";
    message: proto.IMessage;
    /** How often it arrived; 1 if nothing went wrong. */
    copies: number;
    /** When the phone decrypted it, in milliseconds since the epoch. */
    receivedAt: number;
    read: boolean;
    /** The sender's full address on the envelope, to which receipts go. */
    replyTo: { to: string; participant: string | undefined };
  };

/** The messages that a phone has received. A message that arrives again is counted, not added. */
export class Inbox {
  readonly messages: InboxMessage[] = [];
  readonly #byKey = new Map<string, InboxMessage>();
  readonly #waiters = new Waiters<InboxMessage>();
  readonly #listeners = new Set<(message: InboxMessage) => void>();
  /** Copies after the first, over all messages. */
  duplicates = 0;

  static key(chat: string, from: string, id: string): string {
    return `${chat} ${from} ${id}`;
  }

  find(chat: string, from: string, id: string): InboxMessage | undefined {
    return this.#byKey.get(Inbox.key(chat, from, id));
  }

  /** Returns false for a copy of a message that the inbox contains. */
  add(message: InboxMessage): boolean {
    const key = Inbox.key(message.chat, message.from, message.id);
    const known = this.#byKey.get(key);
    if (known) {
      this.repeat(known);
      return false;
    }
    this.#byKey.set(key, message);
    this.messages.push(message);
    this.#waiters.offer(message);
    for (const listener of this.#listeners) listener(message);
    return true;
  }

  /** Adds a message from an earlier run, without calling listeners. */
  restore(message: InboxMessage): void {
    // A state file of an older version has no `Fate`.
    Object.assign(message, { ...untouched(), ...message });
    this.#byKey.set(Inbox.key(message.chat, message.from, message.id), message);
    this.messages.push(message);
    this.duplicates += message.copies - 1;
  }

  repeat(known: InboxMessage): void {
    known.copies++;
    this.duplicates++;
  }

  /** Calls the listener for each new message. Returns a function that removes the listener. */
  listen(listener: (message: InboxMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the first message that matches, now or later. Rejects after `timeoutMs`. */
  waitFor(matches: (message: InboxMessage) => boolean, timeoutMs: number): Promise<InboxMessage> {
    const present = this.messages.find(matches);
    if (present) return Promise.resolve(present);
    return this.#waiters.wait(matches, timeoutMs, () => {
      const last = this.messages.slice(-3).map(({ kind, text }) => `${kind} ${JSON.stringify(text)}`);
      return `no message matched within ${timeoutMs} ms; ${this.messages.length} arrived, last: ${last}`;
    });
  }
}
