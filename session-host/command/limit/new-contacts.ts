import { dayOf } from "../../../core/instance/timezone.ts";
import { lruCache } from "../../../core/lru.ts";
import type { Wait } from "../../../core/restriction/index.ts";
import type { Change } from "../../ledger/change.ts";
import type { InstancePace, NewContacts } from "./held-back.ts";

/** Number of chats that are known not to be new. */
const maxKnown = 10_000;

export interface NewContactLimitDeps {
  now: () => Date;
  record: (change: Change) => Promise<void>;
  /** Whether a message in one of these chats was received, or accepted by WhatsApp. */
  isKnown: (jids: readonly string[]) => Promise<boolean>;
}

/** Limits to how many people per day an instance writes for the first time. */
export class NewContactLimit {
  readonly #deps: NewContactLimitDeps;
  readonly #known = lruCache<string, true>(maxKnown);
  #used: NewContacts = { day: "", count: 0 };

  constructor(deps: NewContactLimitDeps) {
    this.#deps = deps;
  }

  /** Continues with the count that is stored. */
  load(used: NewContacts | null): void {
    if (used) this.#used = used;
  }

  /** Counts a message to a person, if it is the first one. Returns until when it waits, if the day's limit is reached. */
  async take(
    { newContactsPerDay: limit, timeZone = null }: InstancePace,
    jids: readonly string[],
  ): Promise<Wait | undefined> {
    if (limit === null || jids.some((jid) => this.#known.has(jid))) return undefined;
    const isKnown = await this.#deps.isKnown(jids);
    const now = this.#deps.now();
    const { day, end } = dayOf(now, timeZone);
    const count = this.#used.day === day ? this.#used.count : 0;
    if (!isKnown && count >= limit) return { reason: "pace", until: end };
    for (const jid of jids) this.#known.set(jid, true);
    if (isKnown) return undefined;
    this.#used = { day, count: count + 1 };
    // Not awaited: the gate holds the message back until this is durable.
    this.#deps.record({ instance: { new_contacts: this.#used } }).catch(() => undefined);
    return undefined;
  }
}
