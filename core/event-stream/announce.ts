import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";

/** The channel of Postgres (`LISTEN`) on which hosts announce new events. */
export const channel = "switchboard_events";
/** Delay between two announcements of a process, in milliseconds. */
const pauseMs = 100;
/** Ids per notification. Postgres allows 8,000 bytes: https://www.postgresql.org/docs/current/sql-notify.html */
const idsPerNotification = 200;

/**
 * Announces instances with new events to the processes that stream them. The transactions that append events don't
 * notify themselves, because all transactions that notify commit one after another. An announcement that gets lost
 * delays a stream until its next look at the database.
 */
export class Announcer {
  readonly #deps: { db: Database; log: Logger };
  readonly #ids = new Set<string>();
  #sending = false;

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  /** Announces committed events of these instances. Returns at once. */
  note(instanceIds: Iterable<string>): void {
    for (const id of instanceIds) this.#ids.add(id);
    if (!this.#sending && this.#ids.size > 0) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#ids.size > 0) {
      const ids = [...this.#ids];
      this.#ids.clear();
      const payloads = Array.from({ length: Math.ceil(ids.length / idsPerNotification) }, (_, index) =>
        ids.slice(index * idsPerNotification, (index + 1) * idsPerNotification).join(),
      );
      try {
        await this.#deps.db.sql`select pg_notify(${channel}, payload) from unnest(${payloads}::text[]) as payload`;
      } catch (error) {
        this.#deps.log.debug({ err: error }, "can't announce events to streams");
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
    }
    this.#sending = false;
  }
}
