import { Announcer } from "../../core/event-stream/announce.ts";
import { count } from "../../core/metric/index.ts";
import type { ServedInstance } from "../../core/metric/instances.ts";
import type { HostGauge } from "../../core/metric/name.ts";
import { startDraining } from "../../core/shard/fleet.ts";
import {
  acquireLease,
  type FleetSnapshot,
  forgetHost,
  releaseDeadHosts,
  releaseLease,
  reportHost,
} from "../../core/shard/lease.ts";
import { aliveMs } from "../../core/shard/status.ts";
import { Lease, leaseTime } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";
import { SearchPlaces } from "../concurrency/searches.ts";
import { HistoryDecoder } from "../history/decoder.ts";
import { SharedCommits } from "../ledger/shared-commits.ts";
import { Conversions } from "../media/conversion.ts";
import { MediaStage } from "../media/stage.ts";
import { sharedCaches } from "../session/connection/caches.ts";
import { LoginPlaces } from "../session/connection/login-places.ts";
import type { HostDeps, HostOptions } from "./deps.ts";
import { Shard } from "./shard.ts";
import { WorkSearch } from "./work-search.ts";

/** How long a lease is valid, in milliseconds. Other hosts take over a dead host's shards after this and one tick. */
export const leaseMs = 12_000;
/** How often a host reports to the database, renews its leases and takes or releases shards, in milliseconds. */
const tickMs = 2_000;
/** How often a host checks, between ticks, whether one of its leases has expired. Milliseconds. */
const expiryCheckMs = 250;
/**
 * How much earlier a lease ends for its host than in the database. Covers clock drift and network latency.
 * Milliseconds.
 */
const marginMs = 2_000;
/**
 * How long a shard may take to stop when the host releases all shards, in milliseconds. A stopping shard normally waits
 * up to 5 s for acknowledgements.
 */
const releaseTimeoutMs = 20_000;

/** One session host: acquires its share of the shards, keeps their leases, and releases surplus shards. */
export class Host {
  readonly #deps: HostDeps;
  readonly #shards = new Map<number, Shard>();
  readonly #search: WorkSearch;
  readonly #startedAt: Date;
  readonly #cpuAtStart = process.cpuUsage();
  #tickTimer: NodeJS.Timeout | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Pending while the host releases all its shards without stopping. */
  #releasingAll: Promise<void> | undefined;
  /**
   * When the host began to serve shards, in Unix seconds by the database clock. Undefined while all its shards are
   * released.
   */
  #workingSince: number | undefined;
  /** Whether the host knows that an admin stopped all hosts. */
  #stoppedByAdmin = false;
  /** When the host's last report was stored. Milliseconds since 1970. */
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: HostOptions) {
    const { storage, egress } = options;
    this.#startedAt = options.clock.now();
    this.#deps = {
      ...options,
      caches: sharedCaches(),
      logins: new LoginPlaces(),
      conversions: new Conversions({ storage }),
      historyDecoder: new HistoryDecoder(),
      announcer: new Announcer(options),
      searchPlaces: new SearchPlaces(),
      sharedCommits: new SharedCommits(options),
      media: new MediaStage({ storage, egress }),
    };
    this.#search = new WorkSearch({
      ...options,
      shards: () => new Map([...this.#shards].filter(([, shard]) => shard.lease.held)),
    });
  }

  get shards(): ReadonlyMap<number, Shard> {
    return this.#shards;
  }

  /** Whether the other hosts count this host as alive. A healthy host may have no shards. */
  get healthy(): boolean {
    return this.#deps.clock.now().getTime() - this.#reportedAt < aliveMs;
  }

  gauges(): Record<HostGauge, number> {
    const shards = [...this.#shards.values()];
    const sessions = shards.flatMap((shard) => [...shard.sessions.values()]);
    return {
      HostInstances: sessions.length,
      HostInstancesConnected: sessions.filter((session) => session.status === "connected").length,
      HostShards: shards.filter((shard) => shard.lease.held).length,
      HostCommands: sessions.reduce((sum, session) => sum + session.queue.size, 0),
    };
  }

  /** Returns the instances that this host serves. */
  served(): ServedInstance[] {
    const sessions = [...this.#shards.values()].flatMap((shard) => [...shard.sessions]);
    return sessions.map(([id, { status, queue }]) => ({ id, connected: status === "connected", commands: queue.size }));
  }

  /** Closes the connection of an instance because of an error that nothing handled. The instance connects again. */
  interrupt(instanceId: string): void {
    for (const { sessions } of this.#shards.values()) sessions.get(instanceId)?.interrupt();
  }

  async start(): Promise<void> {
    const { endpoint, log, db, isDead } = this.#deps;
    if (!endpoint.real) log.warn({ url: endpoint.url }, "this host does not connect to the real WhatsApp");
    await releaseDeadHosts(db, isDead);
    await this.#tick();
    this.#tickTimer = setInterval(() => this.#tickNext(), tickMs);
    this.#search.start();
    this.#expiryTimer = setInterval(() => this.#dropExpired(), expiryCheckMs);
  }

  /**
   * Stops taking work, finishes and stores the work in progress, closes the connections without logging out, and
   * releases the leases.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#tickTimer);
    await this.#ticking;
    await this.#releasingAll;
    const { db, host, log } = this.#deps;
    // Reports this host as draining, so that the shares of the other hosts grow before it releases its shards. If the report
    // fails, they grow after the release.
    await this.#report().catch(() => undefined);
    await Promise.all([...this.#shards.keys()].map((id) => this.#release(id)));
    clearInterval(this.#expiryTimer);
    await this.#search.stop();
    await forgetHost(db, host).catch((error: unknown) =>
      log.warn({ err: error }, "the host could not be removed from the list of hosts"),
    );
  }

  #tickNext(): void {
    this.#ticking = this.#ticking.then(() => this.#tick());
  }

  /** Drops shards whose leases expired between ticks, after a freeze of the process or while the database is down. */
  #dropExpired(): void {
    for (const [id, shard] of this.#shards) if (!shard.lease.held) this.#drop(id, "its lease expired");
  }

  async #tick(): Promise<void> {
    try {
      const fleet = await this.#report();
      if (this.#stopping || this.#releasingAll) return;
      if (fleet.stopped) this.#onStoppedByAdmin();
      else await this.#balance(fleet);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the leases could not be renewed");
    }
  }

  /** After an admin has stopped all hosts, this process keeps running without shards until the hosts are restarted. */
  #onStoppedByAdmin(): void {
    if (!this.#stoppedByAdmin)
      this.#deps.log.warn("the hosts are stopped: this host serves no shard until they are restarted");
    this.#stoppedByAdmin = true;
    if (this.#shards.size > 0) this.#releaseAll();
  }

  /** Acquires free shards up to the host's share, and releases surplus shards. */
  async #balance({ hosts, shards, free, restartAt, now }: FleetSnapshot): Promise<void> {
    this.#stoppedByAdmin = false;
    this.#workingSince ??= now;
    const share = Math.ceil(shards / Math.max(1, hosts));
    const sizeBefore = this.#shards.size;
    for (const id of free.filter((shardId) => !this.#shards.has(shardId))) {
      if (this.#shards.size >= share) break;
      await this.#acquire(id);
    }
    const surplus = [...this.#shards.keys()].slice(share);
    await Promise.all(surplus.map((id) => this.#release(id)));
    // A host restarts only while its share is stable. If hosts restarted at other times, the last one to restart would
    // hold all instances.
    if (this.#shards.size !== sizeBefore || this.#workingSince >= restartAt) return;
    if (!(await startDraining(this.#deps.db, this.#deps.host))) return;
    this.#deps.log.info("this host restarts: it releases its shards and acquires new shards");
    this.#releaseAll();
  }

  /** Releases all shards. The ticks go on, so that a shard that is still finishing keeps its lease. */
  #releaseAll(): void {
    this.#workingSince = undefined;
    const ids = [...this.#shards.keys()];
    const done = new AbortController();
    const released = Promise.all(ids.map((id) => this.#release(id))).then(() => done.abort());
    this.#releasingAll = Promise.race([released, pause(releaseTimeoutMs, done.signal)]).then(() => {
      // A shard that hangs must not delay the restart of the other hosts.
      for (const id of ids) this.#drop(id, "it did not stop in time");
      this.#releasingAll = undefined;
      if (!this.#stopping) this.#tickNext();
    });
  }

  /** Reports this host, and renews the leases of its shards. Drops shards whose leases are lost. */
  async #report(): Promise<FleetSnapshot> {
    const { db, host, version, place } = this.#deps;
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const [cpuMs, rssBytes] = [(user + system) / 1000, process.memoryUsage.rss()];
    const draining = this.#stopping || this.#releasingAll !== undefined;
    const clientVersion = this.#deps.versions.chosen;
    const report = { id: host, startedAt: this.#startedAt, draining, version, place, cpuMs, rssBytes, clientVersion };
    const requestedAt = leaseTime();
    const shards = [...this.#shards];
    const grants = shards.map(([, { lease }]) => lease.grant);
    const fleet = await reportHost(db, report, aliveMs, { grants, leaseMs });
    this.#reportedAt = this.#deps.clock.now().getTime();
    const renewed = new Set(fleet.renewed);
    for (const [id, shard] of shards) {
      if (renewed.has(id)) shard.lease.extend(requestedAt, leaseMs - marginMs);
      else if (this.#shards.get(id) === shard) this.#drop(id, "another host has its lease");
    }
    return fleet;
  }

  /** Acquires the lease of a shard, if it is free, and starts the shard. */
  async #acquire(id: number): Promise<void> {
    const { db, host, log } = this.#deps;
    const requestedAt = leaseTime();
    const grant = await acquireLease(db, host, id, leaseMs);
    if (!grant) return;
    const lease = new Lease(grant);
    lease.extend(requestedAt, leaseMs - marginMs);
    const shard = new Shard(this.#deps, lease);
    this.#shards.set(id, shard);
    count("LeasesTaken");
    log.info({ shard: id, epoch: grant.epoch }, "serving a shard");
    try {
      await shard.start();
    } catch (error) {
      log.error({ err: error, shard: id }, "a shard could not be started");
      this.#drop(id, "it could not be started");
    }
  }

  /** Ends a shard at once, without releasing its lease. */
  #drop(id: number, reason: string): void {
    const shard = this.#shards.get(id);
    if (!shard) return;
    this.#shards.delete(id);
    shard.kill();
    count("LeasesLost");
    this.#deps.log.warn({ shard: id, reason }, "a shard was dropped");
  }

  /** Stops a shard and releases its lease. */
  async #release(id: number): Promise<void> {
    const shard = this.#shards.get(id);
    if (!shard) return;
    const { db, host, log } = this.#deps;
    try {
      await shard.stop();
      // The shard may have been dropped and acquired again in the meantime.
      if (this.#shards.get(id) === shard) this.#shards.delete(id);
      await releaseLease(db, host, shard.lease.grant);
      log.info({ shard: id }, "released a shard");
    } catch (error) {
      log.error({ err: error, shard: id }, "a shard failed to stop");
      if (this.#shards.get(id) === shard) this.#drop(id, "it failed to stop");
    }
  }
}
