import type { Database } from "../../core/db/index.ts";
import { needsUserCondition } from "../../core/instance/needs-user.ts";
import type { Logger } from "../../core/log.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";
import { type ClaimedCommand, type ClaimedRow, claimedColumns, joinMessage, toCommand } from "./claimed-command.ts";
import type { Claimer } from "./claimer.ts";

/** The instance of a bulk, if it has a session here. */
export interface BulkTarget {
  connected: boolean;
  /** Claimed commands that it has not finished. */
  held: number;
}

export interface BulkReleaseDeps {
  db: Database;
  host: string;
  lease: Lease;
  log: Logger;
  claimer: Claimer;
  /** Returns undefined when the instance has no session here. */
  target: (instanceId: string) => BulkTarget | undefined;
  /** Instances with a session here that stay disconnected until their users act. */
  needingUser: () => string[];
  submit: (command: ClaimedCommand) => void;
  giveUp: (command: ClaimedCommand) => void;
}

/** Milliseconds until the next turn: without a bulk to release, with one, and with one that waits for room in a queue. */
const idleMs = 1_000;
const paceMs = 500;
const fullMs = 100;
/** How much of the pace may be made up at once, in seconds: a late turn must not slow a bulk down. */
const burstSeconds = 2;
/** How many commands an instance may hold when a bulk adds more. Bounds how long a single send waits behind a bulk. */
const maxHeld = 128;

interface Running {
  id: string;
  instanceId: string;
  /** Whether it has messages that are not released. */
  left: boolean;
  /** Whether the instance needs its user, by the database: for instances without a session here. */
  needsUser: boolean;
  due: boolean;
}

/**
 * Releases the messages of bulks in their order and at most at their pace: one bulk of an instance at a time, and only while
 * the instance is connected. The progress is in the database, so the pace survives a lost connection and a change of hosts.
 */
export class BulkRelease {
  readonly #deps: BulkReleaseDeps;
  /** Instances that need their user and have nothing scheduled any more. */
  #cleared = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  #finishedAt = 0;

  constructor(deps: BulkReleaseDeps) {
    this.#deps = deps;
  }

  start(signal: AbortSignal): void {
    this.#running = this.#run(signal);
  }

  /** Resolves when nothing is released any more. Abort the signal first. */
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

  /** Visits all bulks of the shard once. Returns the milliseconds until the next turn. */
  async #turn(): Promise<number> {
    const { claimer, submit, target } = this.#deps;
    const bulks = await this.#list();
    await this.#clear(bulks);
    let next = idleMs;
    const first = new Set<string>();
    for (const bulk of bulks) {
      if (!bulk.left || !bulk.due || first.has(bulk.instanceId)) continue;
      first.add(bulk.instanceId);
      const instance = target(bulk.instanceId);
      if (!instance?.connected) continue;
      next = Math.min(next, paceMs);
      const room = maxHeld - instance.held;
      const release = () => claimer.at((position) => this.#release(bulk, position, room));
      const released = room > 0 ? await this.#attempt(release) : [];
      for (const command of released ?? []) submit(command);
      if (released && released.length >= room) next = fullMs;
    }
    await this.#finish(bulks);
    return next;
  }

  async #list(): Promise<Running[]> {
    const { sql } = this.#deps.db;
    const rows = await sql<Running[]>`
      select b.id, b.instance_id as "instanceId", b.start_at <= clock_timestamp() as due,
        exists (select 1 from commands where bulk_id = b.id and status = 'scheduled') as left,
        ${needsUserCondition(sql)} as "needsUser"
      from bulks b join instances i on i.id = b.instance_id
      where b.shard = ${this.#deps.lease.grant.shard} and b.status = 'running' and i.deleted_at is null
      order by b.start_at, b.id`;
    return [...rows];
  }

  /**
   * Claims as many messages as the pace allows since the last ones. One statement under the lease: `released_at` of the bulk
   * states until when its pace is used up, and the next bulk of the instance continues from there.
   */
  async #release(bulk: Running, position: number, room: number): Promise<ClaimedCommand[]> {
    const { db, host, lease } = this.#deps;
    const rows = await db.sql<ClaimedRow[]>`
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
      c as (
        update commands set status = 'claimed', position = ${position}::bigint + asked.ord,
          deadline = pace.at + interval '24 hours'
        from asked, pace where commands.id = asked.id and commands.status = 'scheduled'
        returning commands.*
      ),
      moved as (
        update bulks set released_at = pace.used + (select count(*) from c) * pace.step * interval '1 s'
        from pace where bulks.id = ${bulk.id} and exists (select 1 from c)
      )
      select ${claimedColumns(db.sql)} from c ${joinMessage(db.sql)} order by position`;
    return rows.map(toCommand);
  }

  /** Gives up what instances that need their user have scheduled: it would wait forever, or leave from another account. */
  async #clear(bulks: readonly Running[]): Promise<void> {
    const { claimer, target, giveUp } = this.#deps;
    const here = new Set(this.#deps.needingUser());
    // An instance that was linked again may need its user again.
    this.#cleared = this.#cleared.intersection(here);
    const left = bulks
      .filter((bulk) => bulk.left)
      .filter(({ instanceId, needsUser }) => (target(instanceId) ? here.has(instanceId) : needsUser));
    for (const instanceId of here.difference(this.#cleared).union(new Set(left.map((bulk) => bulk.instanceId)))) {
      const commands = await this.#attempt(() => claimer.scheduled(instanceId));
      for (const command of commands ?? []) giveUp(command);
      if (commands?.length === 0 && here.has(instanceId)) this.#cleared.add(instanceId);
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

  /** Returns undefined when the claim fails: the next turn tries again, and the other bulks go on. */
  async #attempt(claim: () => Promise<ClaimedCommand[]>): Promise<ClaimedCommand[] | undefined> {
    const { lease, log } = this.#deps;
    try {
      return await claim();
    } catch (error) {
      if (!lease.held) throw error;
      log.warn({ err: error, shard: lease.grant.shard }, "a claim of scheduled commands failed");
      return undefined;
    }
  }
}
