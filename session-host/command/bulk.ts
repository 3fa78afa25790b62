import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";
import { type ClaimedCommand, claimedAt, claimScheduled, nextPosition, type Row, toCommand } from "./claim.ts";

/** How the instance of a bulk is: `hopeless` when it will not be connected again without its user's doing. */
export interface BulkTarget {
  state: "connected" | "waiting" | "hopeless";
  /** Commands that it has taken over and not finished. */
  held: number;
}

export interface BulkReleaseDeps {
  db: Database;
  host: string;
  lease: Lease;
  log: Logger;
  /** Undefined when the instance has no session here. */
  target: (instanceId: string) => BulkTarget | undefined;
  /** Instances whose sessions are hopeless. */
  hopeless: () => string[];
  submit: (command: ClaimedCommand) => void;
  giveUp: (command: ClaimedCommand) => void;
}

/** Milliseconds between two looks: while nothing runs, while a bulk does, and while a full queue is what holds one up. */
const idleMs = 1_000;
const paceMs = 500;
const fullMs = 100;
/** What may be sent at once after a pause, in seconds of the pace: a look that comes late must not slow a bulk down. */
const burstSeconds = 2;
/** An instance holds no more than this because of a bulk, so that what is sent singly is never behind more. */
const maxHeld = 128;

interface Running {
  id: string;
  instanceId: string;
  /** Whether it has messages that are not released. */
  left: boolean;
  /** As the database has it: for instances without a session here. */
  hopeless: boolean;
  due: boolean;
  /** A place for what is released now. */
  position: number;
}

/**
 * Releases the messages of bulks in their order, at no more than their pace: one bulk of an instance at a time, and only while
 * the instance is connected. How far it is stands in the database, so that neither a lost connection nor another host
 * changes the pace.
 */
export class BulkRelease {
  readonly #deps: BulkReleaseDeps;
  /** Places of claims whose answer was lost. */
  readonly #unsure = new Set<number>();
  /** Hopeless instances that have nothing scheduled any more. */
  #cleared = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  #finishedAt = 0;

  constructor(deps: BulkReleaseDeps) {
    this.#deps = deps;
  }

  start(signal: AbortSignal): void {
    this.#running = this.#run(signal);
  }

  /** Resolves when nothing is released any more; the signal must have been given. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let next = idleMs;
      try {
        next = await this.#turn();
      } catch (error) {
        if (signal.aborted || !this.#deps.lease.held) return;
        this.#deps.log.warn({ err: error }, "bulks wait for the database");
      }
      await pause(next, signal);
    }
  }

  /** One look at all bulks of the shard. Answers when to look again. */
  async #turn(): Promise<number> {
    const { db, lease, submit } = this.#deps;
    for (const position of [...this.#unsure]) {
      for (const command of await claimedAt(db, lease.grant.shard, position)) submit(command);
      this.#unsure.delete(position);
    }
    const bulks = await this.#list();
    await this.#clear(bulks);
    let next = idleMs;
    const first = new Set<string>();
    for (const bulk of bulks) {
      if (!bulk.left || !bulk.due || first.has(bulk.instanceId)) continue;
      first.add(bulk.instanceId);
      const target = this.#deps.target(bulk.instanceId);
      if (target?.state !== "connected") continue;
      next = Math.min(next, paceMs);
      const room = maxHeld - target.held;
      const released = room > 0 ? await this.#sure(bulk.position, () => this.#release(bulk, room)) : [];
      for (const command of released ?? []) submit(command);
      if (released && released.length >= room) next = fullMs;
    }
    await this.#finish(bulks);
    return next;
  }

  async #list(): Promise<Running[]> {
    const rows = await this.#deps.db.sql<Running[]>`
      select b.id, b.instance_id as "instanceId", b.start_at <= clock_timestamp() as due,
        exists (select 1 from commands where bulk_id = b.id and status = 'scheduled') as left,
        i.status = 'logged_out' or (i.linked_at is null and i.status = 'disconnected') as hopeless,
        nextval('command_position')::float8 as position
      from bulks b join instances i on i.id = b.instance_id
      where b.shard = ${this.#deps.lease.grant.shard} and b.status = 'running' and i.deleted_at is null
      order by b.start_at, b.id`;
    return [...rows];
  }

  /**
   * As many as the pace allows since the last ones. One statement under the lease: the bulk's row says until when its pace is
   * used up (`released_at`), and the next bulk of the instance goes on from there.
   */
  async #release(bulk: Running, room: number): Promise<ClaimedCommand[]> {
    const { db, host, lease } = this.#deps;
    const rows = await db.sql<Row[]>`
      with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
      clock as materialized (select clock_timestamp() as at from held),
      bulk as materialized (
        select b.id, b.instance_id, b.released_at, 60.0 / b.per_minute as step, clock.at from bulks b, clock
        where b.id = ${bulk.id} and b.status = 'running' and b.start_at <= clock.at for update of b
      ),
      pace as materialized (
        select step, at, greatest(
            coalesce(released_at, greatest(at - step * interval '1 s',
              (select max(o.released_at) from bulks o where o.instance_id = bulk.instance_id))),
            at - greatest(1, floor(${burstSeconds} / step)) * step * interval '1 s') as used
        from bulk
      ),
      asked as materialized (
        select id, row_number() over (order by bulk_index) as ord from commands
        where bulk_id = ${bulk.id} and status = 'scheduled'
        order by bulk_index
        limit coalesce((
          select greatest(0, least(${room}, floor(extract(epoch from at - used) / step + 0.000001)))::int from pace), 0)
      ),
      taken as (
        update commands set status = 'claimed', position = ${bulk.position}::bigint + asked.ord,
          deadline = pace.at + interval '24 hours'
        from asked, pace where commands.id = asked.id and commands.status = 'scheduled'
        returning commands.*
      ),
      moved as (
        update bulks set released_at = pace.used + (select count(*) from taken) * pace.step * interval '1 s'
        from pace where bulks.id = ${bulk.id} and exists (select 1 from taken)
      )
      select taken.id, taken.instance_id, name, kind, input, taken.wa_id, position::float8 as position, attempts, deadline,
        correlation_id, messages.chat_id, messages.payload
      from taken left join messages
        on messages.instance_id = taken.instance_id and messages.wa_id = taken.wa_id and messages.from_me
      order by position`;
    return rows.map(toCommand);
  }

  /** What an instance has scheduled that is logged out would wait for ever, or go out from another account. */
  async #clear(bulks: readonly Running[]): Promise<void> {
    const { db, host, lease, target, giveUp } = this.#deps;
    const known = new Set(this.#deps.hopeless());
    // One that was linked again may be logged out again.
    this.#cleared = this.#cleared.intersection(known);
    const strange = bulks.filter((bulk) => bulk.left && bulk.hopeless && !target(bulk.instanceId));
    const left = bulks.filter((bulk) => bulk.left && known.has(bulk.instanceId));
    const instances = new Set([...strange, ...left].map((bulk) => bulk.instanceId)).union(
      known.difference(this.#cleared),
    );
    for (const instanceId of instances) {
      const position = bulks.find((bulk) => bulk.instanceId === instanceId)?.position ?? (await nextPosition(db));
      const commands = await this.#sure(position, () => claimScheduled(db, host, lease, position, instanceId));
      for (const command of commands ?? []) giveUp(command);
      if (commands?.length === 0 && known.has(instanceId)) this.#cleared.add(instanceId);
    }
  }

  /** A bulk is done when all its messages have ended. */
  async #finish(bulks: readonly Running[]): Promise<void> {
    const released = bulks.filter((bulk) => !bulk.left).map((bulk) => bulk.id);
    if (released.length === 0 || performance.now() - this.#finishedAt < idleMs) return;
    this.#finishedAt = performance.now();
    const { db, host, lease } = this.#deps;
    await db.sql`
      update bulks set status = 'done', finished_at = clock_timestamp()
      from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
      where id = any(${released}::uuid[]) and status = 'running' and not exists (
        select 1 from commands where bulk_id = bulks.id and status in ('scheduled', 'queued', 'claimed'))`;
  }

  /** One bulk that the database refuses must not hold up the others: it is tried again at the next look. */
  async #sure(position: number, claim: () => Promise<ClaimedCommand[]>): Promise<ClaimedCommand[] | undefined> {
    const { lease, log } = this.#deps;
    try {
      return await claim();
    } catch (error) {
      if (!lease.held) throw error;
      log.warn({ err: error, shard: lease.grant.shard }, "a claim of scheduled commands failed");
      this.#unsure.add(position);
      return undefined;
    }
  }
}
