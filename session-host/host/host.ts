import { count } from "../../core/metric/index.ts";
import type { HostGauge } from "../../core/metric/name.ts";
import { takeTurn } from "../../core/shard/fleet.ts";
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
import { MediaStage } from "../media/media.ts";
import { sharedCaches } from "../session/caches.ts";
import type { HostDeps, HostOptions } from "./deps.ts";
import { Shard } from "./shard.ts";

/** A host that dies is replaced within this and a tick. Milliseconds. */
export const leaseMs = 12_000;
const tickMs = 2_000;
/** What our clock and the way to the database may cost: by so much earlier we stop than the database would have us. */
const marginMs = 2_000;
/** A shard that stops waits up to 5 s for what is under way; one that takes so much longer hangs. */
const handOverMs = 20_000;
const concurrentLogins = 8;

/** Holds its share of the shards, and hands over what it has too much. */
export class Host {
  readonly #deps: HostDeps;
  readonly #shards = new Map<number, Shard>();
  readonly #startedAt: Date;
  readonly #cpuAtStart = process.cpuUsage();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping = false;
  /** While it gives all its shards back and goes on to live. */
  #handover: Promise<void> | undefined;
  /** When it took up its work, in seconds since 1970 by the database's clock; undefined while it has none. */
  #workingSince: number | undefined;
  /** Whether it knows that all hosts are stopped. */
  #resting = false;
  /** When the database last heard from it. Milliseconds since 1970. */
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(options: HostOptions) {
    const logins = new Limiter(concurrentLogins);
    const { db, storage, egress, log } = options;
    this.#startedAt = options.clock.now();
    this.#deps = {
      ...options,
      caches: sharedCaches(),
      logins,
      conversions: new Conversions({ storage }),
      media: (record) => new MediaStage({ db, storage, egress, log, record }),
    };
  }

  get shards(): ReadonlyMap<number, Shard> {
    return this.#shards;
  }

  /** Whether the others count it as alive: what it does for its leases works, whether it is to hold any or not. */
  get healthy(): boolean {
    return this.#deps.clock.now().getTime() - this.#heardAt < aliveMs;
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
    if (!this.#deps.endpoint.real)
      this.#deps.log.warn({ url: this.#deps.endpoint.url }, "this host does not talk to the real WhatsApp");
    await releaseDeadHosts(this.#deps.db, this.#deps.isDead);
    await this.#tick();
    this.#timer = setInterval(() => this.#tickNext(), tickMs);
    this.#watch();
  }

  #tickNext(): void {
    this.#ticking = this.#ticking.then(() => this.#tick());
  }

  /** Stops polling, finishes, flushes, closes without logging out, releases the leases. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#ticking;
    await this.#handover;
    const { db, host } = this.#deps;
    // Only so that others take over sooner; without it they do when the leases run out.
    await this.#report().catch(() => undefined);
    await Promise.all([...this.#shards.keys()].map((id) => this.#giveBack(id)));
    clearInterval(this.#guard);
    await forgetHost(db, host).catch((error: unknown) =>
      this.#deps.log.warn({ err: error }, "the host stays listed for a while"),
    );
  }

  #guard: NodeJS.Timeout | undefined;

  /** Between the ticks: a lease that has run out, after a freeze or without the database, ends its shard at once. */
  #watch(): void {
    this.#guard = setInterval(() => {
      for (const [id, shard] of this.#shards) if (!shard.lease.held) this.#drop(id, "its lease has run out");
    }, 250);
  }

  async #tick(): Promise<void> {
    try {
      const situation = await this.#report();
      await this.#renew();
      if (this.#stopping || this.#handover) return;
      if (situation.stopped) this.#rest();
      else await this.#work(situation);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the leases could not be renewed");
    }
  }

  /** An admin has stopped all hosts: this one lives on without a shard until it hears otherwise. */
  #rest(): void {
    if (!this.#resting) this.#deps.log.warn("the hosts are stopped: this one holds no shard until they are restarted");
    this.#resting = true;
    if (this.#shards.size > 0) this.#handOver();
  }

  async #work({ hosts, shards, free, restartAt, now }: FleetSnapshot): Promise<void> {
    this.#resting = false;
    this.#workingSince ??= now;
    const share = Math.ceil(shards / Math.max(1, hosts));
    const held = this.#shards.size;
    for (const id of free.filter((one) => !this.#shards.has(one))) {
      if (this.#shards.size >= share) break;
      await this.#take(id);
    }
    const surplus = [...this.#shards.keys()].slice(share);
    await Promise.all(surplus.map((id) => this.#giveBack(id)));
    // First everybody has a share: else the last one to begin anew would hold all instances, and all would wait for it.
    if (this.#shards.size !== held || this.#workingSince >= restartAt) return;
    if (!(await takeTurn(this.#deps.db, this.#deps.host))) return;
    this.#deps.log.info("this host begins anew");
    this.#handOver();
  }

  /** Gives all shards back, as at the end, beside the ticks: what is still being finished keeps its lease. */
  #handOver(): void {
    this.#workingSince = undefined;
    const ids = [...this.#shards.keys()];
    const done = new AbortController();
    const given = Promise.all(ids.map((id) => this.#giveBack(id))).then(() => done.abort());
    this.#handover = Promise.race([given, pause(handOverMs, done.signal)]).then(() => {
      // One that hangs must not keep the other hosts from their turn.
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
    const situation = await reportHost(db, report, aliveMs);
    this.#heardAt = this.#deps.clock.now().getTime();
    return situation;
  }

  async #renew(): Promise<void> {
    if (this.#shards.size === 0) return;
    const asked = leaseTime();
    const held = await renewLeases(
      this.#deps.db,
      this.#deps.host,
      [...this.#shards.values()].map((shard) => shard.lease.grant),
      leaseMs,
    );
    for (const [id, shard] of this.#shards) {
      if (held.has(id)) shard.lease.prolong(asked, leaseMs - marginMs);
      else this.#drop(id, "another host has its lease");
    }
  }

  async #take(id: number): Promise<void> {
    const asked = leaseTime();
    const grant = await acquireLease(this.#deps.db, this.#deps.host, id, leaseMs);
    if (!grant) return;
    const lease = new Lease(grant);
    lease.prolong(asked, leaseMs - marginMs);
    const shard = new Shard(this.#deps, lease);
    this.#shards.set(id, shard);
    count("LeasesTaken");
    this.#deps.log.info({ shard: id, epoch: grant.epoch }, "serving a shard");
    try {
      await shard.start();
    } catch (error) {
      this.#deps.log.error({ err: error, shard: id }, "a shard could not be served");
      this.#drop(id, "it could not be served");
    }
  }

  #drop(id: number, reason: string): void {
    const shard = this.#shards.get(id);
    if (!shard) return;
    this.#shards.delete(id);
    shard.kill();
    count("LeasesLost");
    this.#deps.log.warn({ shard: id, reason }, "a shard is lost");
  }

  async #giveBack(id: number): Promise<void> {
    const shard = this.#shards.get(id);
    if (!shard) return;
    try {
      await shard.stop();
      // It may have been dropped meanwhile, and taken anew.
      if (this.#shards.get(id) === shard) this.#shards.delete(id);
      await releaseLease(this.#deps.db, this.#deps.host, shard.lease.grant);
      this.#deps.log.info({ shard: id }, "gave a shard back");
    } catch (error) {
      this.#deps.log.error({ err: error, shard: id }, "a shard did not stop as it should");
      if (this.#shards.get(id) === shard) this.#drop(id, "it did not stop as it should");
    }
  }
}
