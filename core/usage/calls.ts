import { randomInt } from "node:crypto";
import type { Clock } from "../clock.ts";
import { answerOf } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";
import { MicroBatch } from "../micro-batch.ts";
import { callLanes, firstCallLane, noInstance } from "./lane.ts";

interface Waiting {
  userId: string;
  instanceId: string;
  at: Date;
}

/** Counts API calls. Calls that arrive at the same time share a statement. */
export class CallCounter {
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  readonly #lane = firstCallLane + randomInt(callLanes);
  readonly #batch = new MicroBatch<Waiting>((calls) => this.#write(calls));

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
    return this.#batch.add({ userId, instanceId, at: this.#deps.clock.now() });
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#insert(batch);
    } catch (error) {
      this.#deps.log.error({ err: error, calls: batch.length }, "can't count API calls");
    }
  }

  async #insert(batch: readonly Waiting[]): Promise<void> {
    // Ordered by key, so that two processes in the same lane wait for each other instead of deadlocking.
    const { db } = this.#deps;
    const query = db.sql`
      insert into usage (user_id, instance_id, slot, lane, api_calls)
      select user_id, instance_id, date_bin('15 minutes', at, timestamptz '2000-01-01Z'), ${this.#lane}::smallint, count(*)
      from unnest(${batch.map(({ userId }) => userId)}::uuid[], ${batch.map(({ instanceId }) => instanceId)}::uuid[],
        ${batch.map(({ at }) => at.toISOString())}::timestamptz[]) as call(user_id, instance_id, at),
        (select set_config('synchronous_commit', 'off', true)) as not_waiting
      group by 1, 2, 3
      order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set api_calls = usage.api_calls + excluded.api_calls`;
    await answerOf(db, query);
  }
}
