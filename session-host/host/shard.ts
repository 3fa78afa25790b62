import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { fail } from "../../core/command/end.ts";
import { sameChats } from "../../core/command/waiting-queue.ts";
import { AppError } from "../../core/error.ts";
import { mediaPrefix, uploadPrefix } from "../../core/media/index.ts";
import { openForeignQueues } from "../../core/queue/foreign.ts";
import { BulkRelease } from "../command/bulk.ts";
import { queueUnmutes } from "../command/channel-mutes.ts";
import { cancelWaiting, countAttempt } from "../command/claim/claim.ts";
import { type ClaimedCommand, isOrdered } from "../command/claim/claimed-command.ts";
import { Claimer } from "../command/claim/claimer.ts";
import { Requesters } from "../command/claim/requesters.ts";
import { dispatch } from "../command/dispatch.ts";
import { HeldBack } from "../command/limit/held-back.ts";
import { traceOf } from "../command/trace.ts";
import type { Lease } from "../concurrency/lease.ts";
import type { Poller } from "../concurrency/poller.ts";
import { Searches } from "../concurrency/searches.ts";
import { HistoryImports } from "../history/imports.ts";
import { Transfers } from "../history/transfers.ts";
import type { Change } from "../ledger/change.ts";
import { Ledger } from "../ledger/ledger.ts";
import { MediaDownloads } from "../media/downloads.ts";
import { fileIsDue } from "../media/retry.ts";
import { EventRelay } from "../outbox/relay.ts";
import { replier } from "../outbox/replier.ts";
import { SessionVersion } from "../session/connection/client-version.ts";
import { removeFormerAccount } from "../session/link/former-account.ts";
import { Session } from "../session/session.ts";
import { type SessionRow, sessionRow } from "../session/session-row.ts";
import type { HostDeps } from "./deps.ts";
import { DirectIntake } from "./direct-intake.ts";
import { changedSettings, type DueWork, deletedMs, type SearchedShard, waitingMs } from "./due-work.ts";
import { CommandIntake } from "./intake.ts";

/** How often the sessions end commands that are late, and restrictions whose time has come. Milliseconds. */
const expireMs = 2_000;

/** Everything that a host runs for one shard while it holds the shard's lease. */
export class Shard {
  readonly lease: Lease;
  readonly #deps: HostDeps;
  readonly #ledger: Ledger;
  readonly #relay: EventRelay;
  readonly #replier: Poller;
  readonly #claimer: Claimer;
  readonly #requesters: Requesters;
  readonly #bulks: BulkRelease;
  readonly #intake: CommandIntake;
  readonly #direct: DirectIntake;
  /** Sessions of instances that are being read from the database. */
  readonly #loading = new Map<string, Promise<Session | undefined>>();
  readonly #sessions = new Map<string, Session>();
  readonly #transfers = new Map<string, Transfers>();
  readonly #stop = new AbortController();
  readonly #searches: Searches;
  /** `DueWork.running` when the sessions were last opened. */
  #running: string | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(deps: HostDeps, lease: Lease) {
    this.#deps = deps;
    this.lease = lease;
    const { db, queues, vault, ids, log, host, announcer } = deps;
    this.#relay = new EventRelay({ db, queues, log, host, lease, announcer });
    this.#replier = replier({ db, vault, log, lease, foreignQueues: openForeignQueues(queues.client) });
    this.#ledger = new Ledger({
      db,
      vault,
      ids,
      log,
      host,
      lease,
      now: () => deps.clock.now(),
      shared: deps.sharedCommits,
      onEvents: (events, inDoubt) => this.#relay.publish(events, inDoubt),
      onReplies: () => this.#replier.nudge(),
    });
    const submit = (command: ClaimedCommand) => void this.#submit(command);
    this.#requesters = new Requesters({ db, log });
    this.#claimer = new Claimer({ db, host, lease, submit });
    this.#intake = new CommandIntake({
      queues,
      claimer: this.#claimer,
      lease,
      log,
      submit,
      held: () => this.#held(),
    });
    this.#direct = new DirectIntake({
      ...{ host, lease, log },
      claimer: this.#claimer,
      submit: (command) => {
        // The statement that claimed the command has looked whether its user is enabled.
        this.#requesters.confirm(command.userId, deps.clock.now().getTime() - command.acceptedAt.getTime());
        submit(command);
      },
      hasRoom: (id, reserved) => this.#intake.hasRoom(id, (this.#sessions.get(id)?.queue.size ?? 0) + reserved),
    });
    this.#bulks = this.#bulkRelease(submit);
    this.#searches = new Searches(deps.searchPlaces, (error) =>
      log.warn({ err: error }, "the database could not be searched for waiting commands and instances"),
    );
  }

  /** How many commands the session of each instance holds, together with those that wait for earlier claims. */
  #held(): Map<string, number> {
    const held = this.#direct.waiting;
    for (const [id, session] of this.#sessions) held.set(id, (held.get(id) ?? 0) + session.queue.size);
    return held;
  }

  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /**
   * Opens the sessions that should run, resumes the commands that the last holder left unfinished, then polls the
   * queue.
   */
  async start(): Promise<void> {
    await this.#openSessions();
    await this.#removeDeleted();
    for (const command of await this.#claimer.unfinished()) this.#resume(command);
    await Promise.all([this.#intake.takeQueued(), this.#intake.takeDue()]);
    this.#relay.start();
    this.#replier.start();
    this.#bulks.start(this.#stop.signal);
    this.#intake.start(this.#stop.signal);
    this.#deps.handOver?.register(this.#direct);
    this.#expiry = setInterval(() => this.#expire(), expireMs);
  }

  /** Stops taking work, closes the connections, and stores and publishes the results of the work in progress. */
  async stop(): Promise<void> {
    clearInterval(this.#expiry);
    this.#stop.abort();
    await Promise.all([this.#deps.handOver?.unregister(this.#direct), this.#intake.stopped(), this.#bulks.stopped()]);
    this.#direct.stop();
    await Promise.all([...this.#sessions.values()].map((session) => session.stop()));
    await this.#ledger.drain();
    await Promise.all([this.#relay.stop(), this.#replier.stop()]);
    this.#ledger.close();
  }

  /** Ends everything immediately because the lease is lost. Writes nothing more. */
  kill(): void {
    clearInterval(this.#expiry);
    this.lease.lose();
    this.#stop.abort();
    void this.#deps.handOver?.unregister(this.#direct);
    this.#direct.stop();
    this.#ledger.close();
    for (const session of this.#sessions.values()) session.kill();
    this.#sessions.clear();
    void this.#relay.stop();
    void this.#replier.stop();
    void this.#bulks.stopped();
  }

  #expire(): void {
    for (const session of this.#sessions.values()) {
      session.queue.expire();
      if (session.context) session.brake.tick();
    }
  }

  get searched(): SearchedShard {
    return { shard: this.lease.grant.shard, positions: this.#relay.positions };
  }

  /**
   * Starts what has work according to `due`, the result of a search of the database. Without a result, starts everything.
   * Does nothing before `start` has ended, and after `stop` or `kill`.
   */
  wake(due: DueWork | undefined): void {
    if (!this.#expiry || this.#stop.signal.aborted) return;
    if (!due || due.events) this.#relay.nudge();
    if (!due || due.replies) this.#replier.nudge();
    this.#bulks.wake(!due || due.bulks);
    // The lease may be lost, or the shard stopped, while a search waits for its place.
    const search = (name: string, isDue: boolean | undefined, work: () => Promise<unknown>) =>
      this.#searches.run(name, isDue ?? true, async () => {
        if (!this.#stop.signal.aborted) await work();
      });
    search("sessions", due && due.running !== this.#running, async () => {
      await this.#openSessions();
      this.#running = due?.running;
    });
    search("deleted", due?.deleted, () => this.#removeDeleted());
    search("settings", due?.settings, () => this.#refreshSettings());
    search("files", due && due.files.length > 0, () => this.#fetchFiles());
    search("waiting", due && (due.waiting || this.#claimer.hasLost), () => this.#intake.takeWaiting(waitingMs));
    search("scheduled", due?.scheduled, () => this.#intake.takeDue());
    search("mutes", due?.mutes, async () => {
      if (await queueUnmutes(this.#deps, this.lease)) await this.#intake.takeWaiting(0);
    });
  }

  async #openSessions(): Promise<void> {
    const { db, log } = this.#deps;
    const rows = await db.sql<SessionRow[]>`
      select ${sessionRow(db.sql)} from instances
      where shard = ${this.lease.grant.shard} and desired = 'running' and deleted_at is null
        and not (id = any(${[...this.#sessions.keys()]}::uuid[]))`;
    for (const row of rows) {
      this.#sessionOf(row)
        .start()
        .catch((error: unknown) => log.error({ err: error, instanceId: row.id }, "a session could not be started"));
    }
  }

  /**
   * Makes sessions use settings that were changed in the last minute, in case the command that announces the change was
   * lost together with its process.
   */
  async #refreshSettings(): Promise<void> {
    const { db } = this.#deps;
    const changed = await db.sql<{ id: string; settingsAt: Date }[]>`
      select id, settings_at as "settingsAt" from instances
      where shard = ${this.lease.grant.shard} and desired = 'running'
        and settings_at > clock_timestamp() - ${changedSettings}::interval`;
    await Promise.all(changed.map(({ id, settingsAt }) => this.#sessions.get(id)?.settings.refresh(settingsAt)));
  }

  /**
   * Removes instances whose `instance.delete` failed before a host claimed the command. Users no longer see these
   * instances.
   */
  async #removeDeleted(): Promise<void> {
    const { db, log } = this.#deps;
    const rows = await db.sql<SessionRow[]>`
      select ${sessionRow(db.sql)} from instances
      where shard = ${this.lease.grant.shard} and deleted_at < clock_timestamp() - ${deletedMs} * interval '1 ms'`;
    for (const row of rows) {
      this.#sessionOf(row)
        .remove()
        .catch((error: unknown) => log.warn({ err: error, instanceId: row.id }, "an instance could not be removed"));
    }
  }

  /** Makes the sessions fetch the files that callers have requested since, and those that are due for another try. */
  async #fetchFiles(): Promise<void> {
    const { db, clock } = this.#deps;
    const connected = [...this.#sessions.values()].filter((session) => session.context);
    const rows = await db.sql<{ id: string }[]>`
      select distinct instance_id as id from messages
      where ${fileIsDue(db.sql, clock.now())} and instance_id = any(${connected.map(({ id }) => id)}::uuid[])`;
    for (const { id } of rows) this.#transfers.get(id)?.downloads.wake();
  }

  /** Concurrent commands of an instance wait for the same look-up, so that they keep their order. */
  #load(instanceId: string): Promise<Session | undefined> {
    const loading = this.#loading.get(instanceId) ?? this.#readSession(instanceId);
    this.#loading.set(instanceId, loading);
    return loading.finally(() => this.#loading.delete(instanceId));
  }

  async #readSession(instanceId: string): Promise<Session | undefined> {
    const { sql } = this.#deps.db;
    const [row] = await sql<SessionRow[]>`
      select ${sessionRow(sql)} from instances
      where id = ${instanceId} and shard = ${this.lease.grant.shard}`;
    return row && this.#sessionOf(row);
  }

  /** Returns the session of an instance. Creates the session if it does not exist. */
  #sessionOf(row: SessionRow): Session {
    const known = this.#sessions.get(row.id);
    if (known) return known;
    const { db, vault, log, clock, endpoint, dialProxy, caches, logins, media, storage, historyDecoder } = this.#deps;
    const record = (change: Change) => this.#ledger.append(row.id, change);
    const owner = { userId: row.userId, instanceId: row.id };
    const transfers = new Transfers(
      new MediaDownloads({ db, storage, log, clock, instanceId: row.id, record }),
      new HistoryImports({ db, vault, log, clock, owner, decoder: historyDecoder, record }),
    );
    const session = new Session(
      {
        db,
        vault,
        retention: this.#deps.retention,
        log,
        endpoint,
        dialProxy,
        caches,
        logins,
        version: new SessionVersion(this.#deps.versions),
        media,
        transfers,
        ledger: this.#ledger,
        leaseHeld: () => this.lease.held,
        takeQueued: () => this.#takeQueued(),
        removeFormerAccount: (id, creds) => this.#removeFormerAccount(id, creds),
        clock,
        heldBack: new HeldBack({ db, host: this.#deps.host, lease: this.lease }, row.id),
        holdBack: (command, wait) => this.#claimer.holdBack(command, wait),
        sameChats: (chat) => sameChats(db, row.id, chat),
        cancelWaiting: (filter, claimed) =>
          cancelWaiting({ db, host: this.#deps.host, lease: this.lease }, row.id, filter, { claimed, at: clock.now() }),
        countAttempt: (id) => countAttempt({ db, host: this.#deps.host, lease: this.lease }, id),
        mayStart: (command) => this.#mayStart(command),
        removeInstance: (id) => this.#removeInstance(id),
      },
      row,
    );
    this.#sessions.set(row.id, session);
    this.#transfers.set(row.id, transfers);
    return session;
  }

  #takeQueued(): void {
    this.#intake
      .takeWaiting(0)
      .catch((error: unknown) =>
        this.#deps.log.debug({ err: error }, "a command of a session waits for the next search"),
      );
  }

  /** Returns false and gives the command back if its user is disabled. */
  async #mayStart(command: ClaimedCommand): Promise<boolean> {
    if (await this.#requesters.enabled(command.userId)) return true;
    await this.#claimer.giveBack(command);
    return false;
  }

  #removeFormerAccount(id: string, creds: AuthenticationCreds): Promise<void> {
    const { db, host, storage, log } = this.#deps;
    const record = (instanceId: string, change: Change) => this.#ledger.append(instanceId, change);
    return removeFormerAccount({ db, host, storage, log, lease: this.lease, record }, id, creds);
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
    this.#transfers.delete(id);
  }

  async #submit(command: ClaimedCommand): Promise<void> {
    try {
      const session = this.#sessions.get(command.instanceId) ?? (await this.#load(command.instanceId));
      if (!session) throw new AppError("instance_not_found");
      // Sends and mutations are checked again when their turn comes.
      if (!isOrdered(command) && !(await this.#mayStart(command))) return;
      await dispatch(session, command, this.#deps);
    } catch (error) {
      const failure = error instanceof AppError ? error : new AppError("internal");
      this.#deps.log.warn({ ...traceOf(command), err: error }, "a command could not be run");
      await this.#ledger.append(command.instanceId, fail(command, failure)).catch(() => undefined);
    }
  }

  /**
   * Runs an unfinished command again. A command that is not repeatable fails instead, because the last holder may have
   * run it.
   */
  #resume(command: ClaimedCommand): void {
    if (commandCatalog[command.name].repeatable) void this.#submit(command);
    else this.#fail(command, new AppError("outcome_unknown"));
  }

  #fail(command: ClaimedCommand, error: AppError): void {
    this.#ledger
      .append(command.instanceId, fail(command, error))
      .catch((fault: unknown) =>
        this.#deps.log.warn({ ...traceOf(command), err: fault }, "the end of a command was not recorded"),
      );
  }

  #bulkRelease(submit: (command: ClaimedCommand) => void): BulkRelease {
    const { db, host, log } = this.#deps;
    return new BulkRelease({
      db,
      host,
      lease: this.lease,
      log,
      claimer: this.#claimer,
      target: (instanceId) => {
        const session = this.#sessions.get(instanceId);
        return session && { connected: !session.needsUser && Boolean(session.context), held: session.queue.size };
      },
      needingUser: () =>
        [...this.#sessions.values()].filter((session) => session.needsUser).map((session) => session.id),
      submit,
      giveUp: (command) => this.#fail(command, new AppError("instance_not_connected", "the instance was logged out")),
    });
  }
}
