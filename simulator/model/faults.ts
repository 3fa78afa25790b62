import type { Link } from "../wire/transport.ts";

/** Failures that wait for the next occasion: each `take` uses one up. */
export class Scheduled<T> {
  #waiting: T[] = [];

  add(value: T, times = 1): void {
    for (let i = 0; i < times; i++) this.#waiting.push(value);
  }

  take(applies: (value: T) => boolean = () => true): T | undefined {
    const found = this.#waiting.findIndex(applies);
    return found < 0 ? undefined : this.#waiting.splice(found, 1)[0];
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}

/** What goes wrong for one linked device. Faults outlive its sockets, so that a reconnect can fail too. */
export class DeviceFaults {
  /** Codes for the acks of the next messages it sends, e.g. 463 or 429. Such a message reaches nobody. */
  readonly ack = new Scheduled<number>();
  /** `failure reason` codes for its next logins, e.g. 503 or 500. */
  readonly login = new Scheduled<number>();
  /** Messages from it whose ciphertexts are damaged on the way, so that the recipient asks for a retry. */
  readonly corruptOut = new Scheduled<true>();
  /** Messages to it whose ciphertexts are damaged on the way. */
  readonly corruptIn = new Scheduled<true>();
  /** Errors for its next `iq` requests, of one namespace or any. */
  readonly iq = new Scheduled<{ code: number; xmlns?: string }>();
  /** Its next `iq` requests of a namespace that are done, and whose link is cut before the answer. */
  readonly iqUnanswered = new Scheduled<{ xmlns: string }>();
  /** Delay in milliseconds that every byte takes, each way; also for its next sockets. */
  latencyMs = 0;
  link: Link | undefined;

  clear(): void {
    for (const scheduled of [this.ack, this.login, this.corruptOut, this.corruptIn, this.iq, this.iqUnanswered])
      scheduled.clear();
    this.slow(0);
  }

  /** Drops the socket without a close frame, as a dead network does. */
  cut(): void {
    this.link?.cut();
  }

  slow(latencyMs: number): void {
    this.latencyMs = latencyMs;
    if (this.link) this.link.latencyMs = latencyMs;
  }

  /**
   * The link stays open but nothing passes for `ms`. Then either it is `cut` and what was under way is lost, or it
   * `resume`s and what was under way arrives, as with TCP on a network that came back.
   */
  silence(ms: number, then: "cut" | "resume"): Promise<void> {
    if (!this.link) throw new Error("the device has no open socket to silence");
    return this.link.silence(ms, then);
  }
}
