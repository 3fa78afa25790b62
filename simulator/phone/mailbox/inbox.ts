import type { proto } from "../../wire/baileys.ts";
import type { Content } from "../../wire/content.ts";
import type { WebPFile } from "../../wire/webp.ts";
import { type Fate, untouched } from "./fate.ts";
import { Waiters } from "./waiters.ts";

/** A message that a phone shows. Accounts are phone-number JIDs, except in `fromLid` and `replyTo`. */
export type InboxMessage = Content &
  Fate & {
    id: string;
    /** JID of the other account, the group or the channel. */
    chat: string;
    from: string;
    fromLid: string;
    /** Id of the device that sent the message: 0 is a phone, other ids are linked devices. */
    fromDevice: number;
    /** Whether a linked device of the phone's own account sent the message. */
    fromMe: boolean;
    pushName: string | undefined;
    /** Server time in seconds since the epoch. */
    timestamp: number;
    /** How the envelope names accounts. */
    addressing: "pn" | "lid";
    message: proto.IMessage;
    /** Whether the file of a view-once message was opened. */
    opened?: true;
    /** The sticker of a message from a linked device. */
    sticker?: WebPFile;
    /** Number of times that the message arrived. */
    copies: number;
    /** When the phone decrypted the message, in milliseconds since the epoch. */
    receivedAt: number;
    read: boolean;
    /** The sender's address on the envelope. Receipts are sent to it. */
    replyTo: { to: string; participant: string | undefined };
  };

/**
 * The messages that a phone has received. If a message arrives again, the inbox counts the copy, but does not add the
 * message again.
 */
export class Inbox {
  readonly messages: InboxMessage[] = [];
  readonly #byKey = new Map<string, InboxMessage>();
  readonly #waiters = new Waiters<InboxMessage>();
  readonly #listeners = new Set<(message: InboxMessage) => void>();
  /** Number of repeated messages. */
  duplicates = 0;

  static key(chat: string, from: string, id: string): string {
    return `${chat} ${from} ${id}`;
  }

  find(chat: string, from: string, id: string): InboxMessage | undefined {
    return this.#byKey.get(Inbox.key(chat, from, id));
  }

  /** Adds a message. If the inbox contains the message already, counts the copy and returns false. */
  add(message: InboxMessage): boolean {
    const key = Inbox.key(message.chat, message.from, message.id);
    const known = this.#byKey.get(key);
    if (known) {
      this.countCopy(known);
      return false;
    }
    this.#byKey.set(key, message);
    this.messages.push(message);
    this.#waiters.offer(message);
    for (const listener of this.#listeners) listener(message);
    return true;
  }

  /** Adds a message from a state file. Does not call listeners. */
  restore(message: InboxMessage): void {
    // Old state files lack the properties of `Fate`.
    Object.assign(message, { ...untouched(), ...message });
    this.#byKey.set(Inbox.key(message.chat, message.from, message.id), message);
    this.messages.push(message);
    this.duplicates += message.copies - 1;
  }

  /** Counts another copy of a message in the inbox. */
  countCopy(message: InboxMessage): void {
    message.copies++;
    this.duplicates++;
  }

  /** Calls the listener for each new message. Returns a function that removes the listener. */
  listen(listener: (message: InboxMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the first message that matches, now or later. Rejects after `timeoutMs`. */
  waitFor(matches: (message: InboxMessage) => boolean, timeoutMs: number): Promise<InboxMessage> {
    const found = this.messages.find(matches);
    if (found) return Promise.resolve(found);
    return this.#waiters.wait(matches, timeoutMs, () => {
      const last = this.messages.slice(-3).map(({ kind, text }) => `${kind} ${JSON.stringify(text)}`);
      return `no message matched within ${timeoutMs} ms; ${this.messages.length} arrived, the last: ${last}`;
    });
  }
}
