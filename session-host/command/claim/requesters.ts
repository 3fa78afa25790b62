import type { Database } from "../../../core/db/index.ts";
import type { Logger } from "../../../core/log.ts";
import { lruCache } from "../../../core/lru.ts";

/** How long an answer is used. After a user was disabled, the host starts the user's commands for at most this long. */
const freshMs = 1_000;
const rememberedUsers = 10_000;

/** Tells whether the users who requested commands are enabled. */
export class Requesters {
  readonly #deps: { db: Database; log: Logger };
  readonly #answers = lruCache<string, { enabled: Promise<boolean>; at: number }>(rememberedUsers);

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  /**
   * Whether the user is enabled. If the database does not respond, the user counts as enabled: without the database, no
   * stanza is sent anyway, because it must be stored first.
   */
  enabled(userId: string): Promise<boolean> {
    const now = performance.now();
    const known = this.#answers.get(userId);
    if (known && now - known.at < freshMs) return known.enabled;
    const enabled = this.#ask(userId);
    this.#answers.set(userId, { enabled, at: now });
    return enabled;
  }

  /** Notes that a claim has found the user enabled, at most `ageMs` milliseconds ago. */
  confirm(userId: string, ageMs: number): void {
    const at = performance.now() - Math.max(0, ageMs);
    const known = this.#answers.get(userId);
    if (!known || known.at < at) this.#answers.set(userId, { enabled: Promise.resolve(true), at });
  }

  async #ask(userId: string): Promise<boolean> {
    try {
      const [row] = await this.#deps.db.sql<{ enabled: boolean }[]>`
        select disabled_at is null as enabled from users where id = ${userId}`;
      return row?.enabled ?? false;
    } catch (error) {
      this.#deps.log.debug({ err: error }, "can't look up whether the user of a command is enabled");
      return true;
    }
  }
}
