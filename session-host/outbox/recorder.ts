import type { Database } from "../../core/db/index.ts";
import { count } from "../../core/metric/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import type { OutboxEvent } from "./message.ts";

export interface RecorderDeps {
  db: Database;
  host: string;
  lease: Lease;
  /** Called with the error of a recording that nobody waits for. The next one records the same events. */
  onError: (error: unknown) => void;
}

/** Delay after which sent events are recorded, so that several are recorded together. Milliseconds. */
const recordMs = 100;

/** Records that the event queue has accepted events (`events.emitted_at`). An event that is not recorded is sent again. */
export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #ids: string[] = [];
  /** The greatest position of the sent events. */
  #top = 0;
  #timer: NodeJS.Timeout | undefined;
  #recording: Promise<void> = Promise.resolve();
  /** Called after each recording. See `Cursor.note`. */
  readonly #onRecorded: (position: number, xid: bigint) => void;

  constructor(deps: RecorderDeps, onRecorded: (position: number, xid: bigint) => void) {
    this.#deps = deps;
    this.#onRecorded = onRecorded;
  }

  add({ id, position }: Pick<OutboxEvent, "id" | "position">): void {
    this.#ids.push(id);
    this.#top = Math.max(this.#top, position);
    this.#timer ??= setTimeout(() => void this.flush().catch(this.#deps.onError), recordMs);
  }

  /** Records all events that were added so far. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#recording = this.#recording.catch(() => undefined).then(() => this.#record());
    await this.#recording;
  }

  /**
   * The commit is not flushed to disk: if the server loses it in a crash, the events are sent again under the same
   * deduplication ids.
   */
  async #record(): Promise<void> {
    const { db, host, lease } = this.#deps;
    const ids = [...this.#ids];
    const top = this.#top;
    if (ids.length === 0) return;
    const { shard, epoch } = lease.grant;
    const [row] = await db.sql<{ xid: string }[]>`
      with recorded as (
        update events set emitted_at = clock_timestamp()
        from (select fence(${shard}, ${host}, ${epoch}), set_config('synchronous_commit', 'off', true)) as held
        where id = any(${ids}::uuid[])
      )
      select pg_current_xact_id()::text as xid`;
    this.#ids.splice(0, ids.length);
    count("EventsRelayed", ids.length);
    if (row) this.#onRecorded(top, BigInt(row.xid));
  }
}
