import type { Logger } from "../../../core/log.ts";
import { defaultPace } from "../../../core/restriction/index.ts";
import type { InstancePace } from "./held-back.ts";

/** How long the pace is used before it is read again. Milliseconds. */
const paceMs = 5_000;

export interface LivePaceDeps {
  log: Logger;
  now: () => Date;
  read: () => Promise<InstancePace>;
  /** Called when the user has changed the pace or its time zone. */
  onChange: () => void;
}

/** The pace of one instance as its user has set it some seconds ago. */
export class LivePace {
  readonly #deps: LivePaceDeps;
  #current: InstancePace = defaultPace;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Reads run one after another, so that an older result never replaces a newer one. */
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: LivePaceDeps) {
    this.#deps = deps;
  }

  get current(): InstancePace {
    return this.#current;
  }

  /** Begins with the pace that is stored. */
  load(pace: InstancePace): void {
    this.#readAt = this.#deps.now().getTime();
    this.#current = pace;
  }

  /** Reads the pace in the background if it was read some seconds ago. */
  renew(): void {
    if (this.#deps.now().getTime() - this.#readAt <= paceMs) return;
    this.refresh().catch((error: unknown) =>
      this.#deps.log.debug({ err: error }, "the pace of the instance could not be read"),
    );
  }

  /** Reads the pace. */
  refresh(): Promise<void> {
    this.#readAt = this.#deps.now().getTime();
    const read = this.#turn.then(async () => {
      const before = this.#current;
      this.#current = await this.#deps.read();
      if (!isSame(before, this.#current)) this.#deps.onChange();
    });
    this.#turn = read.catch(() => undefined);
    return read;
  }
}

const isSame = (one: InstancePace, other: InstancePace): boolean =>
  one.perMinute === other.perMinute &&
  one.newContactsPerDay === other.newContactsPerDay &&
  one.minGapMs === other.minGapMs &&
  one.jitter === other.jitter &&
  one.typing === other.typing &&
  (one.timeZone ?? null) === (other.timeZone ?? null);
