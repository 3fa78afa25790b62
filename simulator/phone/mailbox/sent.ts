import type { proto } from "../../wire/baileys.ts";
import { type Fate, untouched } from "./fate.ts";
import { Waiters } from "./waiters.ts";

/** Delivery status of a message. */
export type Status = "sent" | "delivered" | "read" | "played" | "failed";

/** A receipt that the phone has received for a message. */
export type ReceivedReceipt = {
  /** Phone-number JID of the account that sent the receipt. */
  from: string;
  device: number;
  /** The type of the stanza, or `delivery` if the stanza has no type. */
  type: string;
  /** Milliseconds since the epoch. */
  at: number;
};

/** A message that the phone sent. */
export type SentMessage = Fate & {
  id: string;
  /** The chat: the phone-number JID of an account, the JID of a group, or `status@broadcast`. */
  to: string;
  /** Recipient on the envelope. */
  address: string;
  message: proto.IMessage;
  type: string;
  status: Status;
  error: number | undefined;
  receipts: ReceivedReceipt[];
  retries: number;
  /** In milliseconds since the epoch. Absent in old state files. */
  sentAt?: number;
  /** Only for a status post: phone numbers or JIDs of the people who may see it. */
  audience?: string[] | undefined;
  /** Signal addresses of the devices that the message was sent to. Absent in old state files. */
  devices?: string[];
  /** The new text of an edited message. */
  text?: string | undefined;
};

/** Number of sent messages that a phone keeps. The phone cannot resend older messages. */
const MAX_SENT = 50_000;

const RANK: Record<Status, number> = { failed: 0, sent: 1, delivered: 2, read: 3, played: 4 };
const STATUS: Record<string, Status> = { delivery: "delivered", read: "read", played: "played" };

/** The messages that a phone sent, by id, with their receipts. */
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
    if (this.#byId.size <= MAX_SENT) return;
    const oldest = this.#byId.keys().next();
    if (!oldest.done) this.#byId.delete(oldest.value);
  }

  /** Adds a receipt to a message and updates its status. */
  addReceipt(id: string, receipt: ReceivedReceipt): void {
    const sent = this.#byId.get(id);
    if (!sent) return;
    sent.receipts.push(receipt);
    const status = STATUS[receipt.type];
    if (status && RANK[status] > RANK[sent.status]) sent.status = status;
    this.#waiters.offer(sent);
  }

  /**
   * Resolves when the message matches, now or after a receipt. Rejects after `timeoutMs`, or at once if the phone
   * didn't send the message.
   */
  waitFor(id: string, matches: (sent: SentMessage) => boolean, timeoutMs: number): Promise<SentMessage> {
    const sent = this.#byId.get(id);
    if (!sent) return Promise.reject(new Error(`this phone did not send a message ${id}`));
    if (matches(sent)) return Promise.resolve(sent);
    const matchesSent = (candidate: SentMessage) => candidate.id === id && matches(candidate);
    const problem = () =>
      `the message ${id} did not reach the expected status within ${timeoutMs} ms; it is ${sent.status}`;
    return this.#waiters.wait(matchesSent, timeoutMs, problem);
  }

  /**
   * Resolves when the message has at least this status. Rejects after `timeoutMs`, or at once if the phone didn't send
   * the message.
   */
  atLeast(id: string, status: "delivered" | "read" | "played", timeoutMs: number): Promise<SentMessage> {
    return this.waitFor(id, (sent) => RANK[sent.status] >= RANK[status], timeoutMs);
  }
}
