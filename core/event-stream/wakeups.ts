import { randomUUID } from "node:crypto";
import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";
import { channel } from "./announce.ts";

/** Reports that instances may have new events. */
export interface Wakeups {
  /** How often the database must be looked at without a report, in milliseconds. */
  readonly intervalMs: number;
  /** `report` gets the ids of instances; undefined means any instance. */
  start(report: (ids: readonly string[] | undefined) => void): void;
  stop(): void;
}

/** With notifications, a look at the database finds only what was not announced. */
const listeningMs = 5_000;
const pollingMs = 1_000;
/** How often the connection is tested. */
const probeMs = 30_000;
/** How long a test waits for its own notification. */
const answerMs = 3_000;

/** Looks at the database once a second. */
export const polling: Wakeups = { intervalMs: pollingMs, start: () => undefined, stop: () => undefined };

/**
 * Listens for announcements of the hosts on one connection. Poolers that share sessions, such as PgBouncer in transaction
 * mode, accept `LISTEN` but deliver nothing. Therefore this class tests with a notification of its own whether they
 * arrive, again and again. As long as they don't, the database is looked at once a second.
 */
export class Listener implements Wakeups {
  readonly #deps: { db: Database; log: Logger };
  #current: { stop(): void } | undefined;
  #works = false;

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  get intervalMs(): number {
    return this.#works ? listeningMs : pollingMs;
  }

  start(report: (ids: readonly string[] | undefined) => void): void {
    this.stop();
    const ended = new AbortController();
    this.#current = { stop: () => ended.abort() };
    void this.#listen(report, ended.signal);
  }

  stop(): void {
    this.#current?.stop();
    this.#current = undefined;
    this.#works = false;
  }

  async #listen(report: (ids: readonly string[] | undefined) => void, signal: AbortSignal): Promise<void> {
    const { db, log } = this.#deps;
    while (!signal.aborted) {
      let arrived: (token: string) => void = () => undefined;
      const connection = db.listen(channel, (payload) => {
        if (payload.startsWith("test:")) arrived(payload);
        else report(payload.split(","));
      });
      try {
        await connection.ready;
        // What was announced before the connection was ready is not known.
        report(undefined);
        while (!signal.aborted) {
          const token = `test:${randomUUID()}`;
          const answer = new Promise<boolean>((resolve) => {
            arrived = (payload) => payload === token && resolve(true);
            setTimeout(() => resolve(false), answerMs).unref();
          });
          await db.sql`select pg_notify(${channel}, ${token})`;
          const works = await answer;
          if (signal.aborted) break;
          if (works !== this.#works) log.debug({ works }, "notifications of Postgres");
          this.#works = works;
          await pause(probeMs, signal);
          if (!works) break;
        }
      } catch (error) {
        log.debug({ err: error }, "can't listen for events; looking once a second");
        this.#works = false;
        await pause(probeMs, signal);
      } finally {
        await connection.close();
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
