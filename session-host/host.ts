import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto/index.ts";
import type { Database } from "../core/db/index.ts";
import type { Egress } from "../core/egress/index.ts";
import type { Ids } from "../core/id.ts";
import type { Logger } from "../core/log.ts";
import type { Queues } from "../core/queue/index.ts";
import {
  acquireLease,
  forgetHost,
  releaseDeadHosts,
  releaseLease,
  renewLeases,
  reportHost,
} from "../core/shard/lease.ts";
import { aliveMs } from "../core/shard/status.ts";
import type { Storage } from "../core/storage/index.ts";
import { type SharedCaches, sharedCaches } from "./caches.ts";
import type { Change } from "./change.ts";
import { Lease, leaseTime } from "./lease.ts";
import { Limiter } from "./limiter.ts";
import { MediaStage } from "./media.ts";
import { Shard } from "./shard.ts";
import type { WhatsAppEndpoint } from "./whatsapp.ts";

export interface HostOptions {
  /** Unique among the hosts that ever share a database. */
  host: string;
  /** Whether another host is known to be dead, so that its leases need not be waited for. */
  isDead: (host: string) => boolean;
  db: Database;
  queues: Queues;
  storage: Storage;
  vault: Vault;
  egress: Egress;
  endpoint: WhatsAppEndpoint;
  clock: Clock;
  ids: Ids;
  log: Logger;
  version: string;
}

/** What the shards of a host share. */
export interface HostDeps extends HostOptions {
  caches: SharedCaches;
  logins: Limiter;
  media: (record: (instanceId: string, change: Change) => Promise<void>) => MediaStage;
}

/** A host that dies is replaced within this and a tick. Milliseconds. */
export const leaseMs = 12_000;
const tickMs = 2_000;
/** What our clock and the way to the database may cost: by so much earlier we stop than the database would have us. */
const marginMs = 2_000;
const concurrentLogins = 8;

/** Holds its share of the shards, and hands over what it has too much. */
export class Host {
  readonly #deps: HostDeps;
  readonly #shards = new Map<number, Shard>();
  readonly #startedAt: Date;
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #draining = false;

  constructor(options: HostOptions) {
    const logins = new Limiter(concurrentLogins);
    const { db, storage, egress, log } = options;
    this.#startedAt = options.clock.now();
    this.#deps = {
      ...options,
      caches: sharedCaches(),
      logins,
      media: (record) => new MediaStage({ db, storage, egress, log, record }),
    };
  }

  get shards(): ReadonlyMap<number, Shard> {
    return this.#shards;
  }

  async start(): Promise<void> {
    if (!this.#deps.endpoint.real)
      this.#deps.log.warn({ url: this.#deps.endpoint.url }, "this host does not talk to the real WhatsApp");
    await releaseDeadHosts(this.#deps.db, this.#deps.isDead);
    await this.#tick();
    this.#timer = setInterval(() => {
      this.#ticking = this.#ticking.then(() => this.#tick());
    }, tickMs);
    this.#watch();
  }

  /** Stops polling, finishes, flushes, closes without logging out, releases the leases. */
  async stop(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    await this.#ticking;
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
      const { hosts, shards, free } = await this.#report();
      await this.#renew();
      if (this.#draining) return;
      const share = Math.ceil(shards / Math.max(1, hosts));
      for (const id of free.filter((one) => !this.#shards.has(one))) {
        if (this.#shards.size >= share) break;
        await this.#take(id);
      }
      const surplus = [...this.#shards.keys()].slice(share);
      await Promise.all(surplus.map((id) => this.#giveBack(id)));
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the leases could not be renewed");
    }
  }

  #report() {
    const { db, host, version } = this.#deps;
    return reportHost(db, { id: host, startedAt: this.#startedAt, draining: this.#draining, version }, aliveMs);
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
    this.#deps.log.warn({ shard: id, reason }, "a shard is lost");
  }

  async #giveBack(id: number): Promise<void> {
    const shard = this.#shards.get(id);
    if (!shard) return;
    try {
      await shard.stop();
      this.#shards.delete(id);
      await releaseLease(this.#deps.db, this.#deps.host, shard.lease.grant);
      this.#deps.log.info({ shard: id }, "gave a shard back");
    } catch (error) {
      this.#deps.log.error({ err: error, shard: id }, "a shard did not stop as it should");
      this.#drop(id, "it did not stop as it should");
    }
  }
}
