import type { Database } from "../../core/db/index.ts";
import type { Fragment } from "../../core/db/page.ts";
import { outboxLane } from "../../core/event/event.sql.ts";
import { type ParkedEvent, reportParked } from "../../core/event/park.ts";
import type { Announcer } from "../../core/event-stream/announce.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { batches } from "../../core/queue/batches.ts";
import { eventQueue, type Queues } from "../../core/queue/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import { untilNudged } from "../concurrency/poller.ts";
import { Cursor } from "./cursor.ts";
import { type OutboxEvent, type OutboxRow, ofRow, toMessage } from "./message.ts";
import { Recorder } from "./recorder.ts";

export interface RelayDeps {
  db: Database;
  queues: Pick<Queues, "sendBatch">;
  log: Logger;
  host: string;
  lease: Lease;
  /** Tells event streams of other processes about new events. */
  announcer: Announcer;
}

/** Maximum number of events per query. */
export const pageSize = 125;
/** Maximum number of events of commits that wait in memory. If there are more, they are read from the log. */
const maxFresh = 1_000;
/** Minimum time between two moves of the cursor, in milliseconds, because each move flushes a recording to disk. */
const cursorMs = 500;
/** Maximum number of instances whose last sent event is known. */
const maxInstances = 20_000;

/**
 * Sends the events of a lane. Events of the shard's own commits come from memory, if each follows the last sent event of
 * its instance. All others come from the log: at the start, after a failure, after a gap, and those of other processes.
 */
export class Lane {
  readonly #deps: RelayDeps;
  readonly #lane: number;
  readonly #recorder: Recorder;
  readonly #cursor = new Cursor();
  /** When the cursor may move again, as `performance.now()`. */
  #cursorDueAt = 0;
  /** Events of commits that are not sent yet. Empty while the log must be read. */
  #fresh: OutboxEvent[] = [];
  #mustRead = true;
  /** The number of the last sent event of each instance. */
  readonly #sent = new Map<string, number>();

  constructor(deps: RelayDeps, lane: number) {
    this.#deps = deps;
    this.#lane = lane;
    const onError = (err: unknown) =>
      deps.log.debug({ err, shard: deps.lease.grant.shard, lane }, "sent events could not be recorded yet");
    this.#recorder = new Recorder({ ...deps, onError }, (position, xid) => this.#cursor.note(position, xid));
  }

  /** The position up to which all events have left the outbox, as far as this host knows. */
  get position(): number {
    return this.#cursor.position;
  }

  /** Takes the events of a commit, in their order. */
  add(events: readonly OutboxEvent[]): void {
    if (this.#mustRead) return;
    this.#fresh.push(...events);
    if (this.#fresh.length > maxFresh) this.readNext();
  }

  /** Makes the next run read the log. */
  readNext(): void {
    this.#mustRead = true;
    this.#fresh = [];
  }

  /**
   * Sends what there is. Returns the delay until the next run. `WorkSearch` nudges when the log has events of other
   * processes.
   */
  async run(): Promise<number> {
    if (!this.#deps.lease.held) return untilNudged;
    try {
      await this.#sendFresh();
      if (this.#mustRead) await this.#sendLog();
    } catch (error) {
      this.readNext();
      throw error;
    }
    return this.#mustRead ? 0 : untilNudged;
  }

  /** Records what was sent. */
  async flush(): Promise<void> {
    await this.#recorder.flush();
  }

  async #sendFresh(): Promise<void> {
    const last = new Map<string, number>();
    const following: OutboxEvent[] = [];
    for (const event of this.#fresh.splice(0)) {
      const before = last.get(event.instanceId) ?? this.#sent.get(event.instanceId);
      if (before === undefined || event.seq > before + 1) this.readNext();
      else if (event.seq === before + 1) {
        following.push(event);
        last.set(event.instanceId, event.seq);
      }
    }
    if (following.length > 0) await this.#send(following);
  }

  /**
   * Sends the events that are in the log. Moves the cursor after a read that found none, if all recordings before that read
   * were durable: the relay never reads again what is behind the cursor.
   */
  async #sendLog(): Promise<void> {
    for (let last = false; ; ) {
      const durable = last && this.#cursor.waits;
      // Otherwise the page would have them again.
      await this.#recorder.flush({ durable });
      this.#mustRead = false;
      const { events, xmin } = await this.#read();
      if (events.length > 0) await this.#send(events);
      else if (durable) this.#cursor.passed(xmin);
      if (events.length === pageSize) continue;
      if (last || !this.#cursor.waits || performance.now() < this.#cursorDueAt) return;
      last = true;
      this.#cursorDueAt = performance.now() + cursorMs;
    }
  }

  async #read(): Promise<{ events: OutboxEvent[]; xmin: bigint }> {
    const { db, lease } = this.#deps;
    const page = outboxPage(db, lease.grant.shard, this.#lane, this.#cursor.position);
    const rows = await db.sql<(OutboxRow | { id: null; xmin: string })[]>`
      select pg_snapshot_xmin(pg_current_snapshot())::text as xmin, page.*
      from (select 1) one left join lateral (${page}) as page on true order by position`;
    const events = rows.flatMap((row) => (row.id === null ? [] : [ofRow(row)]));
    return { events, xmin: BigInt((rows[0] as { xmin: string } | undefined)?.xmin ?? 0) };
  }

  /** Sends events in order. Throws if the queue refuses one for now, before any later event is sent. */
  async #send(events: readonly OutboxEvent[]): Promise<void> {
    const { queues, lease, announcer } = this.#deps;
    announcer.note(events.map(({ instanceId }) => instanceId));
    const parked: ParkedEvent[] = [];
    try {
      for (const batch of batches(
        events.map((event) => ({ event, message: toMessage(event) })),
        ({ message }) => message.body,
      )) {
        if (!lease.held) throw new Error("the lease has expired");
        const messages = batch.map(({ message }) => message);
        const refused = new Map((await queues.sendBatch(eventQueue, messages)).map((one) => [one.index, one]));
        for (const [index, { event }] of batch.entries()) {
          const refusal = refused.get(index);
          if (refusal && !refusal.permanent) throw new Error(refusal.reason);
          if (refusal) parked.push({ ...event, reason: refusal.reason });
          else this.#recorder.add(event);
          this.#sent.set(event.instanceId, event.seq);
        }
      }
    } finally {
      if (this.#sent.size > maxInstances) this.#sent.clear();
      if (parked.length > 0) await this.#park(parked);
    }
  }

  async #park(parked: readonly ParkedEvent[]): Promise<void> {
    const { db, host, lease, log } = this.#deps;
    const { shard, epoch } = lease.grant;
    await db.sql.begin(async (sql) => {
      await sql`select fence(${shard}, ${host}, ${epoch})`;
      await sql`
        update events set emitted_at = clock_timestamp(), parked_at = clock_timestamp(), parked_reason = parked.reason
        from unnest(${parked.map(({ id }) => id)}::uuid[], ${parked.map(({ reason }) => reason)}::text[]) as parked(id, reason)
        where events.id = parked.id`;
      await reportParked({ sql, log }, parked, "event_queue");
    });
    count("EventsParked", parked.length);
    this.readNext();
  }
}

/** The oldest events of a lane after a position that are in the outbox. */
export const outboxPage = ({ sql }: Pick<Database, "sql">, shard: number, lane: number, after: number): Fragment => sql`
  select id, instance_id, seq::float8 as seq, position::float8 as position, type, data, correlation_id, created_at
  from events
  where shard = ${shard} and emitted_at is null and ${sql.unsafe(outboxLane)} = ${lane} and position > ${after}
  order by events.position limit ${pageSize}`;
