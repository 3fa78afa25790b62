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
  /** Whether the server may lose a recording in a crash. */
  #unflushed = false;
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

  /** Records all events that were added so far. With `durable`, no crash of the server loses this or an earlier recording. */
  async flush({ durable = false } = {}): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#recording = this.#recording.catch(() => undefined).then(() => this.#record(durable));
    await this.#recording;
  }

  /**
   * Unless the recording must be durable, its commit is not flushed to disk: if the server loses it in a crash, the relay
   * finds the events again, and sends them under the same deduplication ids. A durable commit also flushes earlier ones,
   * if it has something to write: a message in the log of the server that nobody reads.
   */
  async #record(durable: boolean): Promise<void> {
    const { db, host, lease } = this.#deps;
    const ids = [...this.#ids];
    const top = this.#top;
    if (ids.length === 0 && !(durable && this.#unflushed)) return;
    const { shard, epoch } = lease.grant;
    const { sql } = db;
    const commit = durable
      ? sql`pg_logical_emit_message(true, 'switchboard', '')::text`
      : sql`set_config('synchronous_commit', 'off', true)`;
    const [row] = await sql<{ xid: string }[]>`
      with recorded as (
        update events set emitted_at = clock_timestamp()
        from (select fence(${shard}, ${host}, ${epoch})) as held
        where id = any(${ids}::uuid[])
      )
      select pg_current_xact_id()::text as xid, ${commit} as commit`;
    this.#unflushed = !durable;
    this.#ids.splice(0, ids.length);
    count("EventsRelayed", ids.length);
    if (row) this.#onRecorded(top, BigInt(row.xid));
  }
}
