import { randomInt } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";
import { callLanes, firstCallLane, noInstance } from "./lane.ts";

interface Waiting {
  userId: string;
  instanceId: string;
  at: Date;
  counted: () => void;
}

/**
 * Counts API calls. One statement is in progress at a time. The next statement counts the calls that have arrived
 * meanwhile. This means that a busy process needs few statements, and a process that serves one request at a time never
 * waits for another request.
 */
export class CallCounter {
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  readonly #lane = firstCallLane + randomInt(callLanes);
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(deps: { db: Database; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /**
   * Resolves when the call is counted in the database, so that the count survives the end of this process. The promise
   * does not wait for the database's disk, because that would take most of the time of a read. A crash of Postgres may
   * therefore lose the calls of the last second. Never rejects. If a call can't be counted, that is logged and the call
   * is allowed.
   */
  count(userId: string, instanceId: string = noInstance): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ userId, instanceId, at: this.#deps.clock.now(), counted: resolve });
    if (!this.#writing) void this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#write(batch);
      } catch (error) {
        this.#deps.log.error({ err: error, calls: batch.length }, "can't count API calls");
      }
      for (const { counted } of batch) counted();
    }
    this.#writing = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    // Ordered by key, so that two processes in the same lane wait for each other instead of deadlocking.
    await this.#deps.db.sql`
      insert into usage (user_id, instance_id, slot, lane, api_calls)
      select user_id, instance_id, date_bin('15 minutes', at, timestamptz '2000-01-01Z'), ${this.#lane}::smallint, count(*)
      from unnest(${batch.map(({ userId }) => userId)}::uuid[], ${batch.map(({ instanceId }) => instanceId)}::uuid[],
        ${batch.map(({ at }) => at.toISOString())}::timestamptz[]) as call(user_id, instance_id, at),
        (select set_config('synchronous_commit', 'off', true)) as not_waiting
      group by 1, 2, 3
      order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set api_calls = usage.api_calls + excluded.api_calls`;
  }
}
