import { count } from "../../core/metric/index.ts";
import type { HostGauge } from "../../core/metric/name.ts";
import { startDraining } from "../../core/shard/fleet.ts";
import {
  acquireLease,
  type FleetSnapshot,
  forgetHost,
  releaseDeadHosts,
  releaseLease,
  renewLeases,
  reportHost,
} from "../../core/shard/lease.ts";
import { aliveMs } from "../../core/shard/status.ts";
import { Lease, leaseTime } from "../concurrency/lease.ts";
import { Limiter } from "../concurrency/limiter.ts";
import { pause } from "../concurrency/pause.ts";
import { Conversions } from "../media/conversion.ts";
import { MediaStage } from "../media/stage.ts";
import { sharedCaches } from "../session/caches.ts";
import type { HostDeps, HostOptions } from "./deps.ts";
import { Shard } from "./shard.ts";

/** Validity of a lease. A dead host is replaced after this and one tick. Milliseconds. */
export const leaseMs = 12_000;
const tickMs = 2_000;
/** How often a host looks for leases that ran out between two ticks. */
const guardMs = 250;
/** Safety margin before the database deadline: covers clock drift and the way to the database. */
const marginMs = 2_000;
/** A shard that stops waits up to 5 s for acknowledgements; one that takes longer than this hangs. */
const handOverMs = 20_000;
const concurrentLogins = 8;

/** One session host: holds its share of the shards and releases surplus ones. */
export class Host {
  readonly #deps: HostDeps;
  readonly #shards = new Map<number, Shard>();
  readonly #startedAt: Date;
  readonly #cpuAtStart = process.cpuUsage();
  #timer: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Pending while the host releases all its shards without stopping. */
  #handover: Promise<void> | undefined;
  /** When it started to serve shards, in seconds since 1970 by the database clock; undefined while it serves none. */
  #workingSince: number | undefined;
  /** Whether it has noticed that an admin stopped all hosts. */
  #resting = false;
  /** When its last report reached the database. Milliseconds since 1970. */
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: HostOptions) {
    const { storage, egress } = options;
    this.#startedAt = options.clock.now();
    this.#deps = {
      ...options,
      caches: sharedCaches(),
      logins: new Limiter(concurrentLogins),
      conversions: new Conversions({ storage }),
      media: new MediaStage({ storage, egress }),
    };
  }

  get shards(): ReadonlyMap<number, Shard> {
    return this.#shards;
  }

  /** Whether the other hosts count it as alive, with shards or without. */
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

  async start(): Promise<void> {
    const { endpoint, log, db, isDead } = this.#deps;
    if (!endpoint.real) log.warn({ url: endpoint.url }, "this host does not connect to the real WhatsApp");
    await releaseDeadHosts(db, isDead);
    await this.#tick();
    this.#timer = setInterval(() => this.#tickNext(), tickMs);
    this.#guard = setInterval(() => this.#dropExpired(), guardMs);
  }

  /** Takes no more work, finishes and stores what is under way, closes the connections without logging out, and releases the leases. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#ticking;
    await this.#handover;
    const { db, host, log } = this.#deps;
    // Lets other hosts take over sooner; without it, they wait for the leases to run out.
    await this.#report().catch(() => undefined);
    await Promise.all([...this.#shards.keys()].map((id) => this.#release(id)));
    clearInterval(this.#guard);
    await forgetHost(db, host).catch((error: unknown) =>
      log.warn({ err: error }, "the host could not be removed from the list of hosts"),
    );
  }

  #tickNext(): void {
    this.#ticking = this.#ticking.then(() => this.#tick());
  }

  /** A lease can run out between ticks: after a freeze, or when the database is down. Its shard ends at once. */
  #dropExpired(): void {
    for (const [id, shard] of this.#shards) if (!shard.lease.held) this.#drop(id, "its lease ran out");
  }

  async #tick(): Promise<void> {
    try {
      const fleet = await this.#report();
      await this.#renew();
      if (this.#stopping || this.#handover) return;
      if (fleet.stopped) this.#rest();
      else await this.#balance(fleet);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the leases could not be renewed");
    }
  }

  /** An admin stopped all hosts: this one keeps running without shards until the hosts are restarted. */
  #rest(): void {
    if (!this.#resting)
      this.#deps.log.warn("the hosts are stopped: this host serves no shard until they are restarted");
    this.#resting = true;
    if (this.#shards.size > 0) this.#handOver();
  }

  /** Takes free shards up to its share, and releases surplus ones. */
  async #balance({ hosts, shards, free, restartAt, now }: FleetSnapshot): Promise<void> {
    this.#resting = false;
    this.#workingSince ??= now;
    const share = Math.ceil(shards / Math.max(1, hosts));
    const held = this.#shards.size;
    for (const id of free.filter((one) => !this.#shards.has(one))) {
      if (this.#shards.size >= share) break;
      await this.#take(id);
    }
    const surplus = [...this.#shards.keys()].slice(share);
    await Promise.all(surplus.map((id) => this.#release(id)));
    // A restart waits until every host has its share. Otherwise the last host to restart would hold all instances.
    if (this.#shards.size !== held || this.#workingSince >= restartAt) return;
    if (!(await startDraining(this.#deps.db, this.#deps.host))) return;
    this.#deps.log.info("this host restarts: it releases its shards and takes new ones");
    this.#handOver();
  }

  /** Releases all shards while the ticks go on, so that a shard that is still finishing keeps its lease. */
  #handOver(): void {
    this.#workingSince = undefined;
    const ids = [...this.#shards.keys()];
    const done = new AbortController();
    const released = Promise.all(ids.map((id) => this.#release(id))).then(() => done.abort());
    this.#handover = Promise.race([released, pause(handOverMs, done.signal)]).then(() => {
      // A shard that hangs must not keep the other hosts from their turn.
      for (const id of ids) this.#drop(id, "it did not stop in time");
      this.#handover = undefined;
      if (!this.#stopping) this.#tickNext();
    });
  }

  async #report(): Promise<FleetSnapshot> {
    const { db, host, version } = this.#deps;
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const [cpuMs, rssBytes] = [(user + system) / 1000, process.memoryUsage.rss()];
    const draining = this.#stopping || this.#handover !== undefined;
    const report = { id: host, startedAt: this.#startedAt, draining, version, cpuMs, rssBytes };
    const fleet = await reportHost(db, report, aliveMs);
    this.#reportedAt = this.#deps.clock.now().getTime();
    return fleet;
  }

  async #renew(): Promise<void> {
    if (this.#shards.size === 0) return;
    const { db, host } = this.#deps;
    const asked = leaseTime();
    const grants = [...this.#shards.values()].map((shard) => shard.lease.grant);
    const held = await renewLeases(db, host, grants, leaseMs);
    for (const [id, shard] of this.#shards) {
      if (held.has(id)) shard.lease.prolong(asked, leaseMs - marginMs);
      else this.#drop(id, "another host has its lease");
    }
  }

  async #take(id: number): Promise<void> {
    const { db, host, log } = this.#deps;
    const asked = leaseTime();
    const grant = await acquireLease(db, host, id, leaseMs);
    if (!grant) return;
    const lease = new Lease(grant);
    lease.prolong(asked, leaseMs - marginMs);
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
      // It may have been dropped in the meantime, and taken again.
      if (this.#shards.get(id) === shard) this.#shards.delete(id);
      await releaseLease(db, host, shard.lease.grant);
      log.info({ shard: id }, "released a shard");
    } catch (error) {
      log.error({ err: error, shard: id }, "a shard failed to stop");
      if (this.#shards.get(id) === shard) this.#drop(id, "it failed to stop");
    }
  }
}
