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
 * Counts calls of the API. One statement is on its way at a time; what comes meanwhile travels together in the next, so that
 * a busy process costs few statements and one that answers a request at a time waits for nobody.
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
   * Resolves when the call is counted: no process of ours that dies takes it along. That the server's disk has it is not
   * waited for, which would cost a reading call most of its time; a crash of Postgres itself may forget the calls of the
   * last second. It never rejects: a call is not refused because it cannot be counted. What the
   * database does not take is logged and stays uncounted.
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
        this.#deps.log.error({ err: error, calls: batch.length }, "calls could not be counted");
      }
      for (const { counted } of batch) counted();
    }
    this.#writing = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    // In the order of the key: two processes in one lane wait for each other instead of locking each other out.
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
