import type { proto } from "../../wire/baileys.ts";
import { type Fate, untouched } from "./fate.ts";

export type Status = "sent" | "delivered" | "read" | "played" | "failed";

export type SeenReceipt = {
  /** Phone-number JID of the account, and which of its devices. */
  from: string;
  device: number;
  /** `delivery` stands for a receipt without a type. */
  type: string;
  at: number;
};

/** A message that this phone sent, and what became of it. */
export type SentMessage = Fate & {
  id: string;
  /** The chat: a phone-number JID or a group's. */
  to: string;
  /** The address that is on the envelope. */
  address: string;
  message: proto.IMessage;
  type: string;
  status: Status;
  error: number | undefined;
  receipts: SeenReceipt[];
  retries: number;
  /** Of a status: phone numbers or JIDs of who may see it. */
  audience?: string[] | undefined;
  /** What it says now, if it has been edited. */
  text?: string | undefined;
};

/** A phone that sends more than this forgets its oldest messages, and can no longer repeat them. */
const MAX_REMEMBERED = 50_000;

const RANK: Record<Status, number> = { failed: 0, sent: 1, delivered: 2, read: 3, played: 4 };
const STATUS: Record<string, Status> = { delivery: "delivered", read: "read", played: "played" };

type Waiter = { id: string; matches: (sent: SentMessage) => boolean; settle: (sent: SentMessage) => void };

/** A phone's own messages by id, and who waits for their receipts. */
export class SentMessages {
  readonly #byId = new Map<string, SentMessage>();
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): SentMessage | undefined {
    return this.#byId.get(id);
  }

  values(): IterableIterator<SentMessage> {
    return this.#byId.values();
  }

  add(sent: SentMessage): void {
    Object.assign(sent, { ...untouched(), ...sent });
    this.#byId.set(sent.id, sent);
    if (this.#byId.size <= MAX_REMEMBERED) return;
    const oldest = this.#byId.keys().next();
    if (!oldest.done) this.#byId.delete(oldest.value);
  }

  noteReceipt(id: string, receipt: SeenReceipt): void {
    const sent = this.#byId.get(id);
    if (!sent) return;
    sent.receipts.push(receipt);
    const status = STATUS[receipt.type];
    if (status && RANK[status] > RANK[sent.status]) sent.status = status;
    for (const waiter of this.#waiters) if (waiter.id === id && waiter.matches(sent)) waiter.settle(sent);
  }

  /** Resolves when the message matches, now or after a receipt. @throws after `timeoutMs`. */
  waitFor(id: string, matches: (sent: SentMessage) => boolean, timeoutMs: number): Promise<SentMessage> {
    const sent = this.#byId.get(id);
    if (!sent) return Promise.reject(new Error(`this phone did not send ${id}`));
    if (matches(sent)) return Promise.resolve(sent);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        id,
        matches,
        settle: (settled) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(settled);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`${id} did not get there within ${timeoutMs} ms; it is ${sent.status}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  atLeast(id: string, status: "delivered" | "read" | "played", timeoutMs: number): Promise<SentMessage> {
    return this.waitFor(id, (sent) => RANK[sent.status] >= RANK[status], timeoutMs);
  }
}
