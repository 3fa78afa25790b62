import type { BinaryNode } from "../../wire/node.ts";
import type { Transport } from "../../wire/transport.ts";

/** A queue of faults that have not happened yet. */
export class Scheduled<T> {
  #waiting: T[] = [];

  add(value: T, times = 1): void {
    for (let i = 0; i < times; i++) this.#waiting.push(value);
  }

  /** Removes and returns the first fault that applies. */
  take(applies: (value: T) => boolean = () => true): T | undefined {
    const found = this.#waiting.findIndex(applies);
    return found < 0 ? undefined : this.#waiting.splice(found, 1)[0];
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}

/** Holds stanzas back and then passes them on in reverse order. */
export class Reversal {
  #held: BinaryNode[] | undefined;

  /** Starts to hold stanzas back. */
  begin(): void {
    this.#held ??= [];
  }

  /** Returns whether the stanza is held back. */
  holds(stanza: BinaryNode): boolean {
    if (!this.#held) return false;
    this.#held.push(stanza);
    return true;
  }

  /** Stops holding stanzas back, and returns those that were held back, the newest first. */
  end(): BinaryNode[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held.reverse();
  }
}

/** Holds the answers to requests back, by the namespace of the request. */
export class HeldAnswers {
  readonly #held = new Map<string, (() => void)[]>();

  /** Starts to hold answers back. */
  begin(xmlns: string): void {
    if (!this.#held.has(xmlns)) this.#held.set(xmlns, []);
  }

  /** Keeps the answer if the namespace is held back. */
  holds(xmlns: string, answer: () => void): boolean {
    const held = this.#held.get(xmlns);
    held?.push(answer);
    return held !== undefined;
  }

  /** Number of answers that are held back. */
  count(xmlns: string): number {
    return this.#held.get(xmlns)?.length ?? 0;
  }

  /** Gives the answers that were held back. */
  end(xmlns: string): void {
    const held = this.#held.get(xmlns) ?? [];
    this.#held.delete(xmlns);
    for (const answer of held) answer();
  }

  clear(): void {
    for (const xmlns of [...this.#held.keys()]) this.end(xmlns);
  }
}

/** Faults of one linked device. The faults outlast the device's sockets, so that a reconnect can fail too. */
export class DeviceFaults {
  /**
   * Error codes for the acks of the device's next messages, for example 463 or 429. The server does not deliver these
   * messages.
   */
  readonly ack = new Scheduled<number>();
  /** The server drops the device's next messages without an ack, and the same messages whenever they are sent again. */
  readonly unacknowledged = new Scheduled<true>();
  /** Ids of messages that the server drops without an ack. */
  readonly dropped = new Set<string>();
  /** `failure reason` codes for the device's next logins, for example 503 or 500. */
  readonly login = new Scheduled<number>();
  /** Damages the ciphertexts of the next messages from the device, so that the recipients ask for a retry. */
  readonly corruptOut = new Scheduled<true>();
  /** Damages the ciphertexts of the next messages to the device, so that the device asks for a retry. */
  readonly corruptIn = new Scheduled<true>();
  /**
   * Error codes for the device's next `iq` requests. With `xmlns`, only for requests of that namespace; with `matches`, only
   * for those for which it returns true.
   */
  readonly iq = new Scheduled<{ code: number; xmlns?: string; matches?: (iq: BinaryNode) => boolean }>();
  /**
   * The server executes the device's next `iq` requests of a namespace, but instead of answering it cuts the socket or,
   * with `restart`, ends the stream with 515.
   */
  readonly iqUnanswered = new Scheduled<{ xmlns: string; restart?: true }>();
  /** Delays the answers to the device's `iq` requests of a namespace. */
  readonly answers = new HeldAnswers();
  /** Damages the next patches or snapshots of the app state that the device gets. */
  readonly appState = new Scheduled<true>();
  /** Reverses the order of receipts to the device. */
  readonly receipts = new Reversal();
  /** Delay in milliseconds in each direction, for the open socket and later sockets. */
  latencyMs = 0;
  /** The transport of the open socket. */
  transport: Transport | undefined;

  clear(): void {
    this.dropped.clear();
    for (const scheduled of [
      this.ack,
      this.unacknowledged,
      this.login,
      this.corruptOut,
      this.corruptIn,
      this.iq,
      this.iqUnanswered,
      this.appState,
    ])
      scheduled.clear();
    this.answers.clear();
    this.slow(0);
  }

  /** Drops the socket without a close frame, as a dead network does. */
  cut(): void {
    this.transport?.cut();
  }

  slow(latencyMs: number): void {
    this.latencyMs = latencyMs;
    if (this.transport) this.transport.latencyMs = latencyMs;
  }

  /**
   * Keeps the socket open, but holds all data back for `ms`. Then cuts the socket, which loses the data, or delivers the data,
   * as TCP does when the network returns.
   */
  silence(ms: number, then: "cut" | "resume"): Promise<void> {
    if (!this.transport) throw new Error("the device has no open socket to silence");
    return this.transport.silence(ms, then);
  }
}
