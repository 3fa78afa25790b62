import { randomUUID } from "node:crypto";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Logger } from "../log.ts";

/** How long a slot is taken after its process last renewed it. After a crash, it is free then. */
const leaseSeconds = 30;
const renewMs = 10_000;

/** Limits the open streams of each user over all processes. All slots of this process are renewed in one statement. */
export class Slots {
  readonly #deps: { db: Database; log: Logger };
  readonly #limit: number;
  readonly #taken = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `limit`: streams of each user. */
  constructor(deps: { db: Database; log: Logger }, limit: number) {
    this.#deps = deps;
    this.#limit = limit;
  }

  /** Takes a slot, and returns a function that frees it. Throws `rate_limited` if the user has no free slot. */
  async take(userId: string): Promise<() => void> {
    const id = randomUUID();
    const rows = await this.#deps.db.sql.begin(async (sql) => {
      // Requests of the same user look for a free slot one after another.
      await sql`select from users where id = ${userId} for no key update`;
      return await sql`
        insert into event_streams as s (user_id, slot, id, expires_at)
        select ${userId}::uuid, slot, ${id}::uuid, now() + ${leaseSeconds}::int * interval '1 second'
        from generate_series(1, ${this.#limit}::int) as slot
        where not exists (
          select from event_streams t where t.user_id = ${userId} and t.slot = slot.slot and t.expires_at > now())
        order by slot limit 1
        on conflict (user_id, slot) do update set id = excluded.id, expires_at = excluded.expires_at
        returning slot`;
    });
    if (rows.length > 0) return this.#keep(id);
    throw new AppError("rate_limited", `at most ${this.#limit} streams of a user can be open at the same time`, {
      data: { retryAfter: leaseSeconds },
    });
  }

  #keep(id: string): () => void {
    this.#taken.add(id);
    this.#timer ??= setInterval(() => void this.#renew(), renewMs);
    return () => {
      if (!this.#taken.delete(id)) return;
      if (this.#taken.size === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
      this.#deps.db.sql`delete from event_streams where id = ${id}`.catch((error: unknown) =>
        this.#deps.log.debug({ err: error }, "can't free the slot of a stream; it expires"),
      );
    };
  }

  async #renew(): Promise<void> {
    try {
      await this.#deps.db.sql`
        update event_streams set expires_at = now() + ${leaseSeconds}::int * interval '1 second'
        where id = any(${[...this.#taken]}::uuid[])`;
    } catch (error) {
      this.#deps.log.warn({ err: error, streams: this.#taken.size }, "can't renew the slots of streams");
    }
  }
}
