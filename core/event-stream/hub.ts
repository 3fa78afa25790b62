import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import type { Logger } from "../log.ts";
import { labelled } from "../work.ts";
import { type Barrier, type Heads, readHeads, readPage, type Scope } from "./read.ts";
import { Tail } from "./tail.ts";
import type { Wakeups } from "./wakeups.ts";

/** A reader of events, which the hub informs. */
export interface Member {
  readonly scope: Scope;
  /** The hub knows the newest events of the member's instances, or can't read them at the moment. */
  onStep(view: View): void;
}

/** What a step of the hub found. All of it is from one snapshot of the database. */
export interface View {
  instances: Heads["instances"];
  /** All events of these instances up to this position are visible, or never will be. */
  proven: number;
}

export interface HubDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  /** Reports that instances may have new events. */
  wakeups: Wakeups;
}

/** Delay between two steps while there are events, in milliseconds. One step reads for all members. */
const pauseMs = 50;
/** Delay after a step that failed, in milliseconds. */
const retryMs = 1_000;
const pageSize = 500;
const tailBytes = 8_000_000;
const maxBarriers = 100;

/**
 * Finds new events for all streams of this process. It reads nothing while there are no members. A step reads the newest
 * sequence numbers of all watched instances in one statement, and then the new events in another.
 */
export class EventHub {
  readonly #deps: HubDeps;
  readonly #members = new Set<Member>();
  readonly #tail = new Tail(tailBytes);
  /** Up to which sequence number events are in the tail. */
  #read = new Map<string, number>();
  /** Instances of others, which don't need a step. */
  readonly #foreign = new Set<string>();
  #barriers: Barrier[] = [];
  #proven = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running = false;
  /** How often unproven barriers were looked at. */
  #looks = 0;

  constructor(deps: HubDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Adds a member. The next step informs it. */
  join(member: Member, barrier: Barrier): void {
    if (this.#members.size === 0) this.#deps.wakeups.start((ids) => this.#announced(ids));
    this.#members.add(member);
    this.#foreign.clear();
    this.#expect(barrier);
    this.signal();
  }

  leave(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#deps.wakeups.stop();
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** Asks for a step soon. */
  signal(): void {
    this.#schedule(0);
  }

  /** Returns the events of an instance that all streams share. Undefined if they must be read from the database. */
  shared(id: string, after: number, upTo: number) {
    return this.#tail.between(id, after, upTo);
  }

  #announced(ids: readonly string[] | undefined): void {
    if (!ids || ids.some((id) => !this.#foreign.has(id))) this.signal();
    // A step decides which of the unknown ids are foreign.
    for (const id of ids ?? []) if (!this.#read.has(id)) this.#foreign.add(id);
    if (this.#foreign.size > 10_000) this.#foreign.clear();
  }

  #expect(barrier: Barrier): void {
    if (barrier.position <= this.#proven) return;
    this.#barriers = [...this.#barriers, barrier].slice(-maxBarriers);
    this.#looks = 0;
  }

  #schedule(ms: number): void {
    const at = performance.now() + ms;
    if (this.#running || at >= this.#dueAt) {
      if (this.#running) this.#dueAt = Math.min(this.#dueAt, at);
      return;
    }
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => void this.#run(), ms);
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#dueAt = Number.POSITIVE_INFINITY;
    let next: number;
    try {
      next = await labelled("event streams", () => this.#step());
    } catch (error) {
      this.#deps.log.warn({ err: error, streams: this.#members.size }, "can't read events for streams");
      next = retryMs;
    }
    this.#running = false;
    if (this.#members.size === 0) return;
    const asked = this.#dueAt - performance.now();
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#schedule(Math.min(next, Math.max(pauseMs, asked)));
  }

  /** Returns the delay until the next step, unless something happens before. */
  async #step(): Promise<number> {
    const { db, wakeups } = this.#deps;
    const members = [...this.#members];
    if (members.length === 0) return 0;
    const heads = await readHeads(db, union(members.map(({ scope }) => scope)));
    await this.#readNew(heads);
    this.#prove(heads.xmin);
    this.#tail.keep(heads.instances);
    for (const id of heads.instances.keys()) this.#foreign.delete(id);
    const view = { instances: heads.instances, proven: this.#proven };
    for (const member of members) if (this.#members.has(member)) member.onStep(view);
    if (this.#barriers.length === 0) return wakeups.intervalMs;
    this.#looks++;
    return Math.min(wakeups.intervalMs, pauseMs * 2 ** Math.min(this.#looks, 10));
  }

  /** Reads the events that are new since the last step into the tail. Instances that are new start with their next event. */
  async #readNew({ instances }: Heads): Promise<void> {
    const read = new Map([...instances].map(([id, { head }]) => [id, this.#read.get(id) ?? head]));
    this.#read = read;
    for (;;) {
      const ranges = [...instances].flatMap(([id, { head: upTo }]) => {
        const after = read.get(id) ?? upTo;
        return after < upTo ? [{ id, after, upTo }] : [];
      });
      if (ranges.length === 0) return;
      const { rows, complete, barrier } = await readPage(this.#deps.db, ranges, pageSize);
      this.#tail.add(rows);
      for (const { instance_id: id, seq } of rows) read.set(id, seq);
      // An event that was deleted meanwhile is not in the page.
      if (complete) for (const { id, upTo } of ranges) read.set(id, upTo);
      if (barrier) this.#expect(barrier);
    }
  }

  #prove(xmin: bigint): void {
    const isOver = ({ xid }: Barrier) => xmin > xid;
    this.#proven = Math.max(this.#proven, ...this.#barriers.filter(isOver).map(({ position }) => position));
    this.#barriers = this.#barriers.filter((barrier) => !isOver(barrier) && barrier.position > this.#proven);
  }
}

function union(scopes: readonly Scope[]): Scope {
  return {
    userIds: [...new Set(scopes.flatMap(({ userIds }) => userIds))],
    instanceIds: [...new Set(scopes.flatMap(({ instanceIds }) => instanceIds))],
  };
}
