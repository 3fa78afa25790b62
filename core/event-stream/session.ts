import type { Vault } from "../crypto/index.ts";
import { AppError } from "../error.ts";
import type { EventType } from "../event/catalog/index.ts";
import { chatsOf } from "../event/log.ts";
import { publicBody } from "../event-sink/envelope.ts";
import { formatCursor, maxAhead } from "./cursor.ts";
import type { EventHub, HubDeps, Member, View } from "./hub.ts";
import { type Passed, type PlacedRow, readKeptDays, readPage, readStart, type Scope, type Start } from "./read.ts";

/** Which events a stream shows. */
export interface EventFilter {
  types?: ReadonlySet<EventType> | undefined;
  /** JIDs, of which an event names one as its chat, group or caller. */
  chats?: ReadonlySet<string> | undefined;
  /** Events from this time on. */
  from?: Date | undefined;
}

/**
 * Why a stream ends before its client ends it. `credentials`: the key or token is no longer valid for it. `instance_gone`:
 * its only instance was deleted. `slow_reader`: the client did not read. `shutdown`: this process stops. `time_limit`: the
 * longest time of a stream on this deployment is over.
 */
export const endReasons = ["credentials", "instance_gone", "slow_reader", "shutdown", "time_limit"] as const;
export interface Ended {
  reason: (typeof endReasons)[number];
  /** What a request with these credentials gets now. */
  error?: AppError | undefined;
}

export interface SessionOptions {
  scope: Scope;
  /** Whether the stream has one instance, so that its ids are sequence numbers. */
  single: boolean;
  /** Whether the caller may see this instance of this user now. */
  sees(instanceId: string, userId: string): boolean;
  /** Called once when the stream ends, whether or not anybody still reads it. */
  onEnd(): void;
  start: Start;
  /** For how many days events are kept by default. */
  keptDays: number;
  filter: EventFilter;
}

export interface StreamedEvent {
  /** The place right after this event. */
  id: string;
  /** The event as JSON, in the shape of docs/schemas/event.json. */
  body: string;
  row: PlacedRow;
}

/** What `next` returns. Without events, the waiting time is over or the stream ended. */
export interface Batch {
  events: StreamedEvent[];
  /** The place after these events, from which another stream continues. Undefined while it is not known. */
  id: string | undefined;
  ended?: Ended | undefined;
}

type SessionDeps = Pick<HubDeps, "db" | "clock"> & { hub: EventHub; vault: Vault };

/** How long the first batch waits for the first step of the hub, in milliseconds. */
const firstViewMs = 5_000;
const pageSize = 250;
/** The most events and bytes of a batch, which is all that a stream keeps in memory. A batch has at least one event. */
const maxEvents = 100;
const maxBytes = 256_000;

/**
 * Opens a stream. Events that the log has are read when `next` asks for them, so that a slow reader needs no memory. Call
 * `close` when it is no longer read. Throws `instance_not_found` if the only instance no longer exists.
 */
export async function openSession(deps: SessionDeps, options: SessionOptions): Promise<EventSession> {
  const { points, barrier } = await readStart(deps.db, options.scope, options.start);
  if (options.single && points.length === 0) throw new AppError("instance_not_found");
  const session = new EventSession(deps, options, points);
  session.missing ??= await missingBefore(deps, options);
  deps.hub.join(session, barrier);
  return session;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Returns the time before which events may be missing: the place is older than the events that are kept. */
async function missingBefore(
  { db, clock }: SessionDeps,
  { start, scope, keptDays }: SessionOptions,
): Promise<{ before: string } | undefined> {
  // Events are kept for at least a day.
  const age = start.kind === "position" && start.at ? clock.now().getTime() - start.at.getTime() : 0;
  if (age < dayMs) return undefined;
  const days = await readKeptDays(db, scope, keptDays);
  if (days === null || age <= days * dayMs) return undefined;
  return { before: new Date(clock.now().getTime() - days * dayMs).toISOString() };
}

export class EventSession implements Member {
  readonly #deps: SessionDeps;
  readonly #options: SessionOptions;
  /** Up to where each instance is passed. */
  readonly #passed: Map<string, Passed>;
  /** The instances that are passed beyond `#position`. */
  readonly #ahead = new Map<string, Passed>();
  /** All events up to this position are passed. */
  #position = 0;
  #view: View | undefined;
  #ended: Ended | undefined;
  /** Whether something happened since the last read. */
  #changed = false;
  #wake: () => void = () => {
    this.#changed = true;
  };
  /**
   * What may be missing, because it is no longer stored: sequence numbers of the only instance, or events before a time.
   * Sequence numbers after the newest event were never assigned.
   */
  missing: { from: number; to: number } | { before: string } | undefined;

  constructor(deps: SessionDeps, options: SessionOptions, points: Awaited<ReturnType<typeof readStart>>["points"]) {
    this.#deps = deps;
    this.#options = options;
    this.#passed = new Map(points.map(({ id, seq, position }) => [id, { seq, position }]));
    const { start } = options;
    const [first] = points;
    if (start.kind === "sequence" && first) {
      const next = start.since + 1;
      if (next < first.oldest) this.missing = { from: next, to: first.oldest - 1 };
      else if (start.since > first.head) this.missing = { from: first.head + 1, to: start.since };
    }
    if (start.kind === "position") this.#position = start.position;
    for (const { id, userId, seq, position } of points) {
      const isAhead = start.kind === "position" ? start.ahead.has(id) : position > 0;
      // A place must not name instances that the caller can't see.
      if (isAhead && options.sees(id, userId)) this.#ahead.set(id, { seq, position });
    }
  }

  get scope(): Scope {
    return this.#options.scope;
  }

  onStep(view: View): void {
    this.#view = view;
    for (const id of this.#passed.keys()) if (!view.instances.has(id)) this.#forget(id);
    for (const [id] of this.#visible()) {
      const passed = this.#passed.get(id);
      if (!passed) this.#passed.set(id, { seq: 0, position: 0 });
      // The caller may see this instance only since this step.
      else if (passed.position > this.#position) this.#ahead.set(id, passed);
    }
    if (this.#options.single && this.#visible().length === 0)
      this.end(
        this.#passed.size === 0
          ? { reason: "instance_gone", error: new AppError("instance_not_found") }
          : { reason: "credentials", error: new AppError("forbidden") },
      );
    this.#wake();
  }

  /** Ends the stream. `next` returns what it already has, and then the reason. */
  end(ended: Ended): void {
    if (!this.#ended) {
      this.#ended = ended;
      this.#options.onEnd();
    }
    this.#wake();
  }

  close(): void {
    this.#deps.hub.leave(this);
    this.end({ reason: "shutdown" });
  }

  /** Returns the next events, or a batch without events after `waitMs`, or when the stream ends. */
  async next(waitMs: number): Promise<Batch> {
    if (!this.#view) await this.#change(firstViewMs);
    const until = performance.now() + waitMs;
    for (;;) {
      this.#changed = false;
      if (this.#ended) return { events: [], id: this.#id(), ended: this.#ended };
      const events = await this.#read(until);
      const left = until - performance.now();
      if (events.length > 0 || left <= 0) return { events, id: this.#id(), ended: this.#ended };
      await this.#change(left);
    }
  }

  /** Waits for a step of the hub, or the end of the stream. */
  #change(ms: number): Promise<void> {
    if (this.#changed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        this.#changed = true;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Returns the instances of the last step that belong to this stream and that the caller may see. */
  #visible(): [string, number][] {
    const { userIds, instanceIds } = this.#options.scope;
    return [...(this.#view?.instances ?? [])].flatMap(([id, { head, userId }]) =>
      (userIds.includes(userId) || instanceIds.includes(id)) && this.#options.sees(id, userId) ? [[id, head]] : [],
    );
  }

  #forget(id: string): void {
    this.#passed.delete(id);
    this.#ahead.delete(id);
  }

  /** Returns the events that are known and not passed, as many as fit in a batch. */
  async #read(until: number): Promise<StreamedEvent[]> {
    const events: StreamedEvent[] = [];
    let bytes = 0;
    for (;;) {
      const view = this.#view;
      if (!view) return events;
      const ranges = this.#visible().flatMap(([id, upTo]) => {
        const after = this.#passed.get(id)?.seq ?? 0;
        return after < upTo ? [{ id, after, upTo }] : [];
      });
      if (ranges.length === 0) {
        this.#advance(view.proven);
        return events;
      }
      const { rows, complete } = this.#sharedPage(ranges) ?? (await readPage(this.#deps.db, ranges, pageSize));
      for (const row of rows) {
        if (this.#ended) return events;
        this.#advance(Math.min(view.proven, row.position - 1));
        if (!this.#pass(row)) return events;
        const body = this.#bodyOf(row);
        if (body === null) continue;
        events.push({ id: this.#id() ?? "", body, row });
        bytes += Buffer.byteLength(body);
        if (events.length >= maxEvents || bytes >= maxBytes) return events;
      }
      // Sequence numbers without an event were deleted meanwhile.
      if (complete) for (const { id, upTo } of ranges) this.#passTo(id, upTo);
      // With filters, many pages may have no event of this stream.
      if (performance.now() >= until) return events;
    }
  }

  /** Returns all events of the ranges if the hub has them. */
  #sharedPage(ranges: readonly { id: string; after: number; upTo: number }[]) {
    const parts: PlacedRow[][] = [];
    for (const { id, after, upTo } of ranges) {
      const rows = this.#deps.hub.shared(id, after, upTo);
      if (!rows) return undefined;
      parts.push(rows);
    }
    return { rows: parts.flat().sort((a, b) => a.position - b.position), complete: true };
  }

  /** Marks all events up to `position` as passed. */
  #advance(position: number): void {
    if (position <= this.#position) return;
    this.#position = position;
    for (const [id, passed] of this.#ahead) if (passed.position <= position) this.#ahead.delete(id);
  }

  /**
   * Passes an event. Returns false if its place can't be named now: too many instances are ahead. A later step of the hub
   * shortens the name.
   */
  #pass(row: PlacedRow): boolean {
    const { single } = this.#options;
    if (!single && row.position > this.#position) {
      const named = this.#ahead.size + (this.#ahead.has(row.instance_id) ? 0 : 1);
      if (named > maxAhead) {
        this.#deps.hub.signal();
        return false;
      }
      this.#ahead.set(row.instance_id, { seq: row.seq, position: row.position });
    }
    this.#passed.set(row.instance_id, { seq: row.seq, position: row.position });
    return true;
  }

  #passTo(id: string, seq: number): void {
    const passed = this.#passed.get(id);
    if (passed && passed.seq < seq) this.#passed.set(id, { ...passed, seq });
  }

  /** Returns the event as JSON. Null if the filters exclude it, or this version does not know its type. */
  #bodyOf(row: PlacedRow): string | null {
    const { types, chats, from } = this.#options.filter;
    if (types && !types.has(row.type as EventType)) return null;
    if (chats && !chatsOf(row.data).some((chat) => chats.has(chat))) return null;
    if (from && row.created_at < from) return null;
    return publicBody(row, this.#deps.vault, this.#deps.clock.now());
  }

  /** Returns the name of the current place; undefined while too many instances are ahead. */
  #id(): string | undefined {
    if (this.#options.single) return String([...this.#passed.values()][0]?.seq ?? 0);
    if (this.#ahead.size > maxAhead) return undefined;
    const ahead = new Map([...this.#ahead].map(([id, { seq }]) => [id, seq]));
    return formatCursor({ position: this.#position, at: this.#deps.clock.now(), ahead });
  }
}
