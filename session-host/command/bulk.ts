import type { Database } from "../../core/db/index.ts";
import { isEnabled } from "../../core/instance/enabled-user.ts";
import { needsUserCondition } from "../../core/instance/needs-user.ts";
import type { Logger } from "../../core/log.ts";
import { defaultPace } from "../../core/restriction/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import { Poller, untilNudged } from "../concurrency/poller.ts";
import {
  type ClaimedCommand,
  type ClaimedRow,
  claimedColumns,
  joinMessage,
  toCommand,
} from "./claim/claimed-command.ts";
import type { Claimer } from "./claim/claimer.ts";

/** The session of an instance, as bulks see it. */
export interface BulkTarget {
  connected: boolean;
  /** Number of claimed commands that the session has not finished. */
  held: number;
}

export interface BulkReleaseDeps {
  db: Database;
  host: string;
  lease: Lease;
  log: Logger;
  claimer: Claimer;
  /** Returns undefined if the instance has no session on this host. */
  target: (instanceId: string) => BulkTarget | undefined;
  /** Returns the instances with a session on this host that stay disconnected until their users act. */
  needingUser: () => string[];
  submit: (command: ClaimedCommand) => void;
  /** Fails a command because its instance will not be connected again. */
  giveUp: (command: ClaimedCommand) => void;
}

/** How often to look whether bulks have ended. Milliseconds. */
const finishMs = 1_000;
/** Delay until the next turn if there is a bulk to release. Milliseconds. */
const paceMs = 500;
/** Delay until the next turn if a bulk waits for room in its instance's queue. Milliseconds. */
const fullMs = 100;
/**
 * A late turn may release what the pace allows for this many seconds, so that the delay does not slow the bulk down.
 */
const burstSeconds = 2;
/**
 * If messages are at least this many seconds apart, their distance varies. `perMinute` is the maximum, so they get slower,
 * not faster. Source of the advice: https://github.com/WhiskeySockets/Baileys/issues/2707.
 */
const jitteredFrom = 0.5;
/** A bulk fills an instance's queue up to this many commands. Bounds how long a single send waits behind a bulk. */
const maxHeld = 128;

/** A bulk whose messages have not all ended. */
interface RunningBulk {
  id: string;
  instanceId: string;
  /** Whether some messages of the bulk are not released yet. */
  hasUnreleased: boolean;
  /**
   * Whether the instance needs its user according to the database. Used only for instances without a session on this
   * host.
   */
  needsUser: boolean;
  /** Whether the bulk's start time has passed, its user is enabled and the sends of its instance aren't paused. */
  due: boolean;
}

/**
 * Releases the messages of bulks in order and at most at each bulk's pace. Works on one bulk per instance at a time,
 * and only while the instance is connected. Stores the progress in the database, so that the pace survives a lost
 * connection and a change of hosts.
 */
export class BulkRelease {
  readonly #deps: BulkReleaseDeps;
  /** Instances that need their user and have no scheduled commands left. */
  #cleared = new Set<string>();
  readonly #poller: Poller;
  #signal: AbortSignal | undefined;
  #finishCheckedAt = 0;

  constructor(deps: BulkReleaseDeps) {
    this.#deps = deps;
    const { lease, log } = deps;
    this.#poller = new Poller(() => this.#turn(), {
      name: "bulks",
      active: () => lease.held,
      onError: (error) => {
        if (lease.held && !this.#signal?.aborted) log.warn({ err: error }, "bulks could not be released; trying again");
      },
    });
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#poller.start();
  }

  /** Starts a turn if other processes have stored bulks that are due (`due`), or if an instance now needs its user. */
  wake(due: boolean): void {
    const needingUser = new Set(this.#deps.needingUser());
    // Forgets instances that no longer need their user, because they may need it again later.
    this.#cleared = this.#cleared.intersection(needingUser);
    if (due || needingUser.difference(this.#cleared).size > 0) this.#poller.nudge();
  }

  /** Resolves when no more messages are released. Abort the signal first. */
  async stopped(): Promise<void> {
    await this.#poller.stop();
  }

  /** Visits all bulks of the shard once. Returns the milliseconds until the next turn. */
  async #turn(): Promise<number> {
    if (this.#signal?.aborted) return untilNudged;
    const { claimer, submit, target } = this.#deps;
    const bulks = await this.#runningBulks();
    await this.#giveUpScheduled(bulks);
    let next = untilNudged;
    const visited = new Set<string>();
    for (const bulk of bulks) {
      if (!bulk.hasUnreleased || !bulk.due || visited.has(bulk.instanceId)) continue;
      visited.add(bulk.instanceId);
      const instance = target(bulk.instanceId);
      if (!instance?.connected) continue;
      next = Math.min(next, paceMs);
      const room = maxHeld - instance.held;
      const release = () => claimer.atNextPosition((position) => this.#release(bulk, position, room), bulk.instanceId);
      const released = room > 0 ? await this.#attempt(release) : [];
      for (const command of released ?? []) submit(command);
      if (released && released.length >= room) next = fullMs;
    }
    await this.#finish(bulks);
    return next;
  }

  async #runningBulks(): Promise<RunningBulk[]> {
    const { sql } = this.#deps.db;
    const rows = await sql<RunningBulk[]>`
      select b.id, b.instance_id as "instanceId", b.start_at <= clock_timestamp() and i.sends_paused_at is null and ${isEnabled(sql, sql`b.user_id`)} as due,
        exists (select 1 from commands where bulk_id = b.id and status = 'scheduled') as "hasUnreleased",
        ${needsUserCondition(sql)} as "needsUser"
      from bulks b join instances i on i.id = b.instance_id
      where b.shard = ${this.#deps.lease.grant.shard} and b.status = 'running' and i.deleted_at is null
      order by b.start_at, b.id`;
    return [...rows];
  }

  /**
   * Claims as many messages as the pace allows since the last release, in one statement and under the lease.
   * `released_at` is the time up to which the bulk has used its pace. The next bulk of the instance continues from
   * there.
   */
  async #release(bulk: RunningBulk, position: number, room: number): Promise<ClaimedCommand[]> {
    const { db, host, lease } = this.#deps;
    const enabled = isEnabled(db.sql, db.sql`b.user_id`);
    const rows = await db.sql<ClaimedRow[]>`
      with held as materialized (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})),
      clock as materialized (select clock_timestamp() as at from held),
      bulk as materialized (
        select b.id, b.instance_id, b.released_at, step.base * case when step.base < ${jitteredFrom} then 1
              else 1 + random() * coalesce((i.pace->>'jitter')::float8, ${defaultPace.jitter}) end as step, clock.at
          from bulks b join instances i on i.id = b.instance_id cross join clock,
            lateral (select 60.0 / least(b.per_minute, (i.pace->>'perMinute')::int) as base) step
        where b.id = ${bulk.id} and b.status = 'running' and b.start_at <= clock.at and ${enabled} for update of b
      ),
      pace as materialized (
        select step, at, greatest(
            coalesce(released_at, greatest(at - step * interval '1 s',
              (select max(o.released_at) from bulks o where o.instance_id = bulk.instance_id))),
            at - greatest(1, floor(${burstSeconds} / step)) * step * interval '1 s') as used
        from bulk
      ),
      selected as materialized (
        select id, row_number() over (order by bulk_index) as ord from commands
        where bulk_id = ${bulk.id} and status = 'scheduled'
          and (waiting_reason is null or run_at <= (select at from clock))
        order by bulk_index
        limit coalesce((
          select greatest(0, least(${room}, floor(extract(epoch from at - used) / step + 0.000001)))::int from pace), 0)
      ),
      c as (
        update commands set status = 'claimed', position = ${position}::bigint + selected.ord,
          deadline = pace.at + interval '24 hours', waiting_reason = null
        from selected, pace where commands.id = selected.id and commands.status = 'scheduled'
        returning commands.*
      ),
      moved as (
        update bulks set released_at = pace.used + (select count(*) from c) * pace.step * interval '1 s'
        from pace where bulks.id = ${bulk.id} and exists (select 1 from c)
      )
      select ${claimedColumns(db.sql)} from c ${joinMessage(db.sql)} order by position`;
    return rows.map(toCommand);
  }

  /**
   * Fails the scheduled sends of instances that need their user. Such sends would wait forever, or be sent from another
   * account.
   */
  async #giveUpScheduled(bulks: readonly RunningBulk[]): Promise<void> {
    const { claimer, target, giveUp } = this.#deps;
    const needingUser = new Set(this.#deps.needingUser());
    // Forgets instances that no longer need their user, because they may need it again later.
    this.#cleared = this.#cleared.intersection(needingUser);
    const unreleased = bulks
      .filter((bulk) => bulk.hasUnreleased)
      .filter(({ instanceId, needsUser }) => (target(instanceId) ? needingUser.has(instanceId) : needsUser));
    const toClear = needingUser.difference(this.#cleared).union(new Set(unreleased.map((bulk) => bulk.instanceId)));
    for (const instanceId of toClear) {
      const commands = await this.#attempt(() => claimer.scheduled(instanceId));
      for (const command of commands ?? []) giveUp(command);
      if (commands?.length === 0 && needingUser.has(instanceId)) this.#cleared.add(instanceId);
    }
  }

  /** Marks bulks as done when all their messages have ended. */
  async #finish(bulks: readonly RunningBulk[]): Promise<void> {
    const released = bulks.filter((bulk) => !bulk.hasUnreleased).map((bulk) => bulk.id);
    if (released.length === 0 || performance.now() - this.#finishCheckedAt < finishMs) return;
    this.#finishCheckedAt = performance.now();
    const { db, host, lease } = this.#deps;
    await db.sql`
      update bulks set status = 'done', finished_at = clock_timestamp()
      from (select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})) as held
      where id = any(${released}::uuid[]) and status = 'running' and not exists (
        select 1 from commands where bulk_id = bulks.id and status in ('scheduled', 'queued', 'claimed'))`;
  }

  /**
   * Makes a claim. Returns undefined if the claim fails. The next turn tries again, and other bulks are not affected.
   */
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
