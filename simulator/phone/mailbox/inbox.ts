import type { proto } from "../../wire/baileys.ts";
import type { Content } from "../../wire/content.ts";
import { type Fate, untouched } from "./fate.ts";

/** A message as a phone shows it. JIDs are in phone-number form, or the group's. */
export type InboxMessage = Content &
  Fate & {
    id: string;
    /** The other side's JID, or the group's. */
    chat: string;
    from: string;
    fromLid: string;
    /** The device that sent it: 0 is a phone, others are linked devices. */
    fromDevice: number;
    /** Sent from a linked device of this very account. */
    fromMe: boolean;
    pushName: string | undefined;
    /** Seconds since the epoch, as the server stamped it. */
    timestamp: number;
    /** How the sender addressed it. */
    addressing: "pn" | "lid";
    message: proto.IMessage;
    /** How often it arrived; 1 when all is well. */
    copies: number;
    /** Milliseconds since the epoch when the phone decrypted it. */
    receivedAt: number;
    read: boolean;
    /** The sender's full address as it stood on the envelope; receipts go there. */
    replyTo: { to: string; participant: string | undefined };
  };

type Waiter = { matches: (message: InboxMessage) => boolean; settle: (message: InboxMessage) => void };

/** What a phone has received: every message once, however often it came. */
export class Inbox {
  readonly messages: InboxMessage[] = [];
  #byKey = new Map<string, InboxMessage>();
  #waiters = new Set<Waiter>();
  #listeners = new Set<(message: InboxMessage) => void>();
  /** Copies beyond the first, over all messages. */
  duplicates = 0;

  static key(chat: string, from: string, id: string): string {
    return `${chat} ${from} ${id}`;
  }

  find(chat: string, from: string, id: string): InboxMessage | undefined {
    return this.#byKey.get(Inbox.key(chat, from, id));
  }

  /** Returns false for a copy of a message that is there already. */
  add(message: InboxMessage): boolean {
    const key = Inbox.key(message.chat, message.from, message.id);
    const known = this.#byKey.get(key);
    if (known) {
      this.repeat(known);
      return false;
    }
    this.#byKey.set(key, message);
    this.messages.push(message);
    for (const waiter of this.#waiters) if (waiter.matches(message)) waiter.settle(message);
    for (const listener of this.#listeners) listener(message);
    return true;
  }

  /** Puts back what an earlier run had received; nobody is told. */
  restore(message: InboxMessage): void {
    // A state of the time before has no fates.
    Object.assign(message, { ...untouched(), ...message });
    this.#byKey.set(Inbox.key(message.chat, message.from, message.id), message);
    this.messages.push(message);
    this.duplicates += message.copies - 1;
  }

  repeat(known: InboxMessage): void {
    known.copies++;
    this.duplicates++;
  }

  /** @returns a function that stops the listening. */
  listen(listener: (message: InboxMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first message that matches, now or later. @throws after `timeoutMs`. */
  waitFor(matches: (message: InboxMessage) => boolean, timeoutMs: number): Promise<InboxMessage> {
    const present = this.messages.find(matches);
    if (present) return Promise.resolve(present);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        settle: (message) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const last = this.messages.slice(-3).map(({ kind, text }) => `${kind} ${JSON.stringify(text)}`);
        reject(new Error(`no such message within ${timeoutMs} ms; ${this.messages.length} arrived, last: ${last}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Forgets what was shown, for long benchmarks; copies of forgotten messages count as new. */
  clear(): void {
    this.messages.length = 0;
    this.#byKey.clear();
  }
}
