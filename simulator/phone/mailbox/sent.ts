import type { proto } from "../../wire/baileys.ts";
import { type Fate, untouched } from "./fate.ts";
import { Waiters } from "./waiters.ts";

/** The delivery status of a message. */
export type Status = "sent" | "delivered" | "read" | "played" | "failed";

export type SeenReceipt = {
  /** Phone-number JID of the account. */
  from: string;
  device: number;
  /** `delivery` stands for a receipt without a type. */
  type: string;
  at: number;
};

/** A message that this phone sent. */
export type SentMessage = Fate & {
  id: string;
  /** The chat: a phone-number JID or that of a group. */
  to: string;
  /** The address on the envelope. */
  address: string;
  message: proto.IMessage;
  type: string;
  status: Status;
  error: number | undefined;
  receipts: SeenReceipt[];
  retries: number;
  /** Only for a status post: phone numbers or JIDs of the people who may see it. */
  audience?: string[] | undefined;
  /** The new text of an edited message. */
  text?: string | undefined;
};

/** A phone that sends more messages forgets the oldest ones and can no longer resend them. */
const MAX_REMEMBERED = 50_000;

const RANK: Record<Status, number> = { failed: 0, sent: 1, delivered: 2, read: 3, played: 4 };
const STATUS: Record<string, Status> = { delivery: "delivered", read: "read", played: "played" };

/** A phone's own messages by id, with their receipts. */
export class SentMessages {
  readonly #byId = new Map<string, SentMessage>();
  readonly #waiters = new Waiters<SentMessage>();

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
    this.#waiters.offer(sent);
  }

  /** Resolves when the message matches, now or after a receipt. Rejects after `timeoutMs`. */
  waitFor(id: string, matches: (sent: SentMessage) => boolean, timeoutMs: number): Promise<SentMessage> {
    const sent = this.#byId.get(id);
    if (!sent) return Promise.reject(new Error(`this phone did not send ${id}`));
    if (matches(sent)) return Promise.resolve(sent);
    const matchesSent = (one: SentMessage) => one.id === id && matches(one);
    const problem = () => `${id} did not reach the expected status within ${timeoutMs} ms; it is ${sent.status}`;
    return this.#waiters.wait(matchesSent, timeoutMs, problem);
  }

  atLeast(id: string, status: "delivered" | "read" | "played", timeoutMs: number): Promise<SentMessage> {
    return this.waitFor(id, (sent) => RANK[sent.status] >= RANK[status], timeoutMs);
  }
}
