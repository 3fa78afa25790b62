import { defaultPace, type Pace } from "../../../core/restriction/index.ts";

const minuteMs = 60_000;

/** Limits how fast one instance sends. Bulks have a pace of their own and are only counted. */
export class Pacer {
  readonly #now: () => number;
  readonly #random: () => number;
  /** When the messages of the last minute were sent, in milliseconds, the oldest first. */
  #sent: number[] = [];
  /** When the last message was sent. */
  #lastAt = Number.NEGATIVE_INFINITY;
  /** By which part of the jitter the gap after the last message differs from the even gap. From -1 to 1. */
  #deviation = 0;

  /** `random` returns numbers from 0 to 1. */
  constructor(now: () => number, random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** Returns after how many milliseconds the next message may be sent. Zero means now. */
  delay({ perMinute, minGapMs, jitter }: Pace): number {
    if (perMinute === null && minGapMs === 0) return 0;
    const now = this.#now();
    this.#sent = this.#sent.filter((at) => at > now - minuteMs);
    const full = perMinute !== null && this.#sent.length >= perMinute;
    const minuteEnd = full ? (this.#sent[this.#sent.length - perMinute] ?? now) + minuteMs : now;
    // The pace may have changed since the last message.
    const gapEnd = this.#lastAt + minGapMs * (1 + jitter * this.#deviation);
    return Math.max(0, minuteEnd - now, minGapMs > 0 ? gapEnd - now : 0);
  }

  /** Counts a message that is sent now. */
  count({ perMinute }: Pace = defaultPace): void {
    const now = this.#now();
    if (perMinute !== null) this.#sent.push(now);
    this.#lastAt = now;
    this.#deviation = 2 * this.#random() - 1;
  }
}

/** How long a person seems to type a text, in milliseconds: longer for longer texts, within limits. */
export function typingMs(length: number, random: () => number = Math.random): number {
  const ms = Math.min(Math.max(length * 60, 1_000), 8_000);
  return Math.round(ms * (0.8 + 0.4 * random()));
}
