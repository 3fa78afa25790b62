/** WhatsApp refuses messages of an account to new chats until a time (milliseconds since the epoch). */
export type TimeLock = { type: string; until: number };

/** How many messages an account may send to new chats until the end of the cycle (milliseconds since the epoch). */
export type NewChatCap = { quota: number; used: number; until: number };

/** What the server restricts for one account. */
export class AccountRestrictions {
  timeLock: TimeLock | undefined;
  newChatCap: NewChatCap | undefined;
  /** Maximum number of messages from linked devices in `ms` milliseconds. */
  rate: { messages: number; ms: number } | undefined;
  /** LIDs of the accounts that have written to this account. They are no new chats. */
  readonly writers = new Set<string>();
  /** Times of the messages that count for `rate`. */
  #sent: number[] = [];

  /** The time-lock, unless it has ended. */
  lockAt(now: number): TimeLock | undefined {
    return this.timeLock && this.timeLock.until > now ? this.timeLock : undefined;
  }

  /** The cap, unless its cycle has ended. */
  capAt(now: number): NewChatCap | undefined {
    return this.newChatCap && this.newChatCap.until > now ? this.newChatCap : undefined;
  }

  /** Counts a message. Returns false if there are too many. */
  admits(now: number): boolean {
    if (!this.rate) return true;
    const { messages, ms } = this.rate;
    this.#sent = this.#sent.filter((at) => at > now - ms);
    if (this.#sent.length >= messages) return false;
    this.#sent.push(now);
    return true;
  }
}
