/** The kinds of look-ups that the server limits. */
export const LOOKUPS = ["account", "group", "prekey"] as const;
export type Lookup = (typeof LOOKUPS)[number];

/** A device may make `burst` look-ups at once, and `perSecond` after that. */
export type LookupLimit = { burst: number; perSecond: number };

/**
 * The numbers are the simulator's choice, because no source names WhatsApp's. They are far above what a client needs that
 * remembers what it looked up.
 */
export const DEFAULT_LIMITS: Readonly<Record<Lookup, LookupLimit>> = {
  account: { burst: 300, perSecond: 5 },
  group: { burst: 60, perSecond: 1 },
  prekey: { burst: 300, perSecond: 5 },
};

/** Counts the look-ups of one device. */
export class LookupCounter {
  readonly #left = new Map<Lookup, { count: number; at: number }>();

  /** Counts a look-up. Returns whether it is within the limit. `now` is in milliseconds. */
  take(lookup: Lookup, { burst, perSecond }: LookupLimit, now: number): boolean {
    const last = this.#left.get(lookup) ?? { count: burst, at: now };
    const count = Math.min(burst, last.count + ((now - last.at) / 1000) * perSecond);
    const allowed = count >= 1;
    this.#left.set(lookup, { count: allowed ? count - 1 : count, at: now });
    return allowed;
  }
}
