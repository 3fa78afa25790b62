import type { Message } from "@aws-sdk/client-sqs";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { fail } from "../../core/command/end.ts";
import { readCommandEnvelope } from "../../core/command/envelope.ts";
import { AppError } from "../../core/error.ts";
import { mediaPrefix, uploadPrefix } from "../../core/media/index.ts";
import { openForeignQueues } from "../../core/queue/foreign.ts";
import { commandQueue, type Queues } from "../../core/queue/index.ts";
import { BulkRelease } from "../command/bulk.ts";
import { endMutes } from "../command/channel-mutes.ts";
import { countAttempt } from "../command/claim.ts";
import type { ClaimedCommand } from "../command/claimed-command.ts";
import { Claimer } from "../command/claimer.ts";
import { dispatch } from "../command/dispatch.ts";
import { traceOf } from "../command/trace.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";
import type { Poller } from "../concurrency/poller.ts";
import { Ledger } from "../ledger/ledger.ts";
import { eventRelay } from "../outbox/relay.ts";
import { replier } from "../outbox/replier.ts";
import { SessionVersion } from "../session/client-version.ts";
import { Session, type SessionRow } from "../session/session.ts";
import type { HostDeps } from "./deps.ts";

/**
 * Instances and commands that did not come through the queue are looked for so often, once they are so old, and scheduled
 * sends that are due. Milliseconds.
 */
const reconcileMs = 2_000;
const waitingMs = 3_000;
/** By then an `instance.delete` that came through the queue is done. */
const deletedMs = 60_000;
/** Beyond this a host leaves commands on the queue. */
const maxHeld = 10_000;

/** What a host does for one shard while it holds the lease. */
export class Shard {
  readonly lease: Lease;
  readonly #deps: HostDeps;
  readonly #ledger: Ledger;
  readonly #relay: Poller;
  readonly #replier: Poller;
  readonly #claimer: Claimer;
  readonly #bulks: BulkRelease;
  readonly #sessions = new Map<string, Session>();
  readonly #stop = new AbortController();
  #polling: Promise<void> | undefined;
  #reconcile: NodeJS.Timeout | undefined;
  /** Commands whose deletion from the queue is still under way. */
  #removing: Promise<unknown> = Promise.resolve();

  constructor(deps: HostDeps, lease: Lease) {
    this.#deps = deps;
    this.lease = lease;
    const { db, queues, vault, ids, log, host } = deps;
    this.#relay = eventRelay({ db, queues, log, host, lease });
    this.#replier = replier({ db, vault, log, lease, foreignQueues: openForeignQueues(queues.client) });
    this.#ledger = new Ledger({
      db,
      vault,
      ids,
      log,
      host,
      lease,
      now: () => deps.clock.now(),
      onEvents: () => this.#relay.nudge(),
      onReplies: () => this.#replier.nudge(),
    });
    this.#claimer = new Claimer({ db, host, lease, submit: (command) => void this.#submit(command) });
    this.#bulks = new BulkRelease({
      db,
      host,
      lease,
      log,
      claimer: this.#claimer,
      target: (instanceId) => {
        const session = this.#sessions.get(instanceId);
        return session && { connected: !session.needsUser && Boolean(session.context), held: session.queue.size };
      },
      needingUser: () =>
        [...this.#sessions.values()].filter((session) => session.needsUser).map((session) => session.id),
      submit: (command) => void this.#submit(command),
      giveUp: (command) => this.#giveUp(command, new AppError("instance_not_connected", "the instance was logged out")),
    });
  }

  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /** Opens the sessions that should run, takes up what the last holder left, then listens to the queue. */
  async start(): Promise<void> {
    await this.#openSessions();
    for (const command of await this.#claimer.unfinished()) this.#resume(command);
    await Promise.all([this.#takeWaiting(0), this.#takeDue()]);
    this.#relay.start();
    this.#replier.start();
    this.#bulks.start(this.#stop.signal);
    this.#polling = this.#poll();
    this.#reconcile = setInterval(() => {
      for (const session of this.#sessions.values()) session.queue.expire();
      const { lease } = this;
      Promise.all([
        this.#openSessions(),
        this.#takeWaiting(waitingMs),
        this.#takeDue(),
        endMutes(this.#deps, lease).then((any) => (any ? this.#takeWaiting(0) : undefined)),
      ]).catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, "what did not come through the queue was not looked for"),
      );
    }, reconcileMs);
  }

  /** Gives up gracefully: takes nothing new, ends the sockets, keeps what is to be kept, sends what is to be sent. */
  async stop(): Promise<void> {
    clearInterval(this.#reconcile);
    this.#stop.abort();
    await Promise.all([this.#polling, this.#bulks.stopped()]);
    await Promise.all([...this.#sessions.values()].map((session) => session.stop()));
    await this.#ledger.drain();
    await Promise.all([this.#relay.stop(), this.#replier.stop()]);
    this.#ledger.close();
  }

  /** The lease is gone: everything ends at once, and nothing is written any more. */
  kill(): void {
    clearInterval(this.#reconcile);
    this.lease.lose();
    this.#stop.abort();
    this.#ledger.close();
    for (const session of this.#sessions.values()) session.kill();
    this.#sessions.clear();
    void this.#relay.stop();
    void this.#replier.stop();
  }

  async #openSessions(): Promise<void> {
    const rows = await this.#deps.db.sql<SessionRow[]>`
      select id, status, linked_at is not null as linked from instances
      where shard = ${this.lease.grant.shard} and desired = 'running' and deleted_at is null
        and not (id = any(${[...this.#sessions.keys()]}::uuid[]))`;
    for (const row of rows) this.#start(this.#adopt(row));
    await this.#removeDeleted();
  }

  /** Instances whose `instance.delete` was given up before a host took it: they are gone for their users already. */
  async #removeDeleted(): Promise<void> {
    const rows = await this.#deps.db.sql<SessionRow[]>`
      select id, status, linked_at is not null as linked from instances
      where shard = ${this.lease.grant.shard} and deleted_at < clock_timestamp() - ${deletedMs} * interval '1 ms'`;
    for (const row of rows) {
      this.#adopt(row)
        .remove()
        .catch((error: unknown) =>
          this.#deps.log.warn({ err: error, instanceId: row.id }, "an instance was not removed"),
        );
    }
  }

  #start(session: Session): void {
    session
      .start()
      .catch((error: unknown) =>
        this.#deps.log.error({ err: error, instanceId: session.id }, "a session did not start"),
      );
  }

  #adopt(row: SessionRow): Session {
    const known = this.#sessions.get(row.id);
    if (known) return known;
    const { db, vault, log, endpoint, caches, logins, media } = this.#deps;
    const session = new Session(
      {
        db,
        vault,
        log,
        endpoint,
        caches,
        logins,
        version: new SessionVersion(this.#deps.versions),
        media: media((instanceId, change) => this.#ledger.append(instanceId, change)),
        ledger: this.#ledger,
        leaseHeld: () => this.lease.held,
        countAttempt: (id) => countAttempt({ db, host: this.#deps.host, lease: this.lease }, id),
        removeInstance: (id) => this.#removeInstance(id),
      },
      row,
    );
    this.#sessions.set(row.id, session);
    return session;
  }

  async #removeInstance(id: string): Promise<void> {
    const { db, host, storage } = this.#deps;
    await this.#ledger.drain();
    await Promise.all([storage.removeAll(mediaPrefix(id)), storage.removeAll(uploadPrefix(id))]);
    await db.sql.begin(async (sql) => {
      await sql`select fence(${this.lease.grant.shard}, ${host}, ${this.lease.grant.epoch})`;
      await sql`delete from instances where id = ${id}`;
    });
    this.#replier.nudge();
    this.#sessions.delete(id);
  }

  async #poll(): Promise<void> {
    const { queues, log } = this.#deps;
    const name = commandQueue(this.lease.grant.shard);
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#held() > maxHeld) await pause(200, signal);
        else await this.#takeOver(queues, name, await queues.receive(name, { waitSeconds: 20, signal }));
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error, queue: name }, "the command queue is not available");
        await pause(1000, signal);
      }
    }
    await this.#removing;
  }

  /** Holds on to what it has received while the database is away: received again and again, it would end as a dead letter. */
  async #claim(ids: readonly string[]): Promise<ClaimedCommand[]> {
    for (;;) {
      try {
        return await this.#claimer.fromQueue(ids);
      } catch (error) {
        if (this.#stop.signal.aborted || !this.lease.held) throw error;
        this.#deps.log.warn({ err: error, commands: ids.length }, "commands wait for the database");
        await pause(500, this.#stop.signal);
      }
    }
  }

  async #takeWaiting(olderThanMs: number): Promise<void> {
    for (const command of await this.#claimer.waiting(olderThanMs)) void this.#submit(command);
  }

  async #takeDue(): Promise<void> {
    for (const command of await this.#claimer.due()) void this.#submit(command);
  }

  #held(): number {
    let held = 0;
    for (const session of this.#sessions.values()) held += session.queue.size;
    return held;
  }

  /** From the queue to the database, then off the queue. What cannot be read stays: after five times it is a dead letter. */
  async #takeOver(queues: Queues, name: string, messages: readonly Message[]): Promise<void> {
    const readable = messages.flatMap((message) => {
      const parsed = readCommandEnvelope(message.Body);
      if (!parsed)
        this.#deps.log.error(
          { queue: name, messageId: message.MessageId },
          "a message on the command queue is not a command",
        );
      return parsed ? [{ id: parsed.id, handle: message.ReceiptHandle ?? "" }] : [];
    });
    if (readable.length === 0) return;
    const claimed = await this.#claim(readable.map((message) => message.id));
    for (const command of claimed) void this.#submit(command);
    // The next batch need not wait for this one to leave the queue, only for the one before it.
    const previous = this.#removing;
    this.#removing = queues
      .remove(
        name,
        readable.map((message) => message.handle),
      )
      .catch((error: unknown) => {
        this.#deps.log.warn({ err: error, queue: name }, "claimed commands will come again");
      });
    await previous;
  }

  async #submit(command: ClaimedCommand): Promise<void> {
    try {
      const session = this.#sessions.get(command.instanceId) ?? (await this.#load(command.instanceId));
      if (!session) throw new AppError("instance_not_found");
      await dispatch(session, command, this.#deps);
    } catch (error) {
      const known = error instanceof AppError ? error : new AppError("internal");
      this.#deps.log.warn({ ...traceOf(command), err: error }, "a command could not be run");
      await this.#ledger.append(command.instanceId, fail(command, known)).catch(() => undefined);
    }
  }

  /** A mutation that the last holder had begun may have been done: only what is as good twice is done again. */
  #resume(command: ClaimedCommand): void {
    if (commandCatalog[command.name].repeatable) {
      void this.#submit(command);
      return;
    }
    this.#giveUp(command, new AppError("outcome_unknown"));
  }

  #giveUp(command: ClaimedCommand, error: AppError): void {
    this.#ledger
      .append(command.instanceId, fail(command, error))
      .catch((fault: unknown) => this.#deps.log.warn({ ...traceOf(command), err: fault }, "a result was not kept"));
  }

  async #load(instanceId: string): Promise<Session | undefined> {
    const [row] = await this.#deps.db.sql<SessionRow[]>`
      select id, status, linked_at is not null as linked from instances
      where id = ${instanceId} and shard = ${this.lease.grant.shard}`;
    return row && this.#adopt(row);
  }
}
