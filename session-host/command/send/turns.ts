import type { OrderedCommand } from "../claim/claimed-command.ts";

/** How long a command may keep others waiting. WhatsApp answers most look-ups in less than a second. */
const turnMs = 3_000;
/** The same while other commands are already late, so that many of them don't add up. */
const shortTurnMs = 250;
/** How many commands of one instance may be late at once. Their look-ups end in seconds (`lookUpMs`). */
const maxLate = 32;

/**
 * The turns of the commands of one instance. They run one after another, but a command that waits for WhatsApp or the
 * database gives up its turn after a few seconds: it goes on beside the others, and holds only its own lines.
 */
export class Turns {
  readonly #late = new Map<OrderedCommand, Promise<void>>();
  readonly #onEnd: () => void;

  /** `onEnd` is called when a command that gave up its turn has ended. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** The number of commands that gave up their turn and have not ended. */
  get size(): number {
    return this.#late.size;
  }

  /** Whether a command gave up its turn and has not ended. */
  isLate(command: OrderedCommand): boolean {
    return this.#late.has(command);
  }

  /** Resolves when the next command may have its turn. `hold` holds the lines of the command, and returns their release. */
  async run(command: OrderedCommand, running: Promise<void>, hold: () => () => void): Promise<void> {
    if (await endsWithin(this.#late.size > 0 ? shortTurnMs : turnMs, running)) return;
    const release = hold();
    const end = running.finally(() => {
      this.#late.delete(command);
      release();
      this.#onEnd();
    });
    this.#late.set(command, end);
    if (this.#late.size >= maxLate) await Promise.race(this.#late.values());
  }
}

async function endsWithin(ms: number, running: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([running.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
