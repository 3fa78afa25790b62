import { setTimeout as realSleep } from "node:timers/promises";
import type { ClaimLease } from "../../db/claim-lease.ts";
import { attemptTimeoutMs } from "./attempt.ts";
import { claimBacklogs, freeDeliveries, moveDueToBacklog, nextDrain, serveBacklog } from "./backlog.ts";
import { type Budget, hasTime, release, runBatch, startBudget, unusablePauseMs, type WebhookDeps } from "./batch.ts";
import { drainPerSecond, giveUpDisabled, recordBatchResult } from "./circuit-breaker.ts";
import { claimDue, type Due, giveUp } from "./due.ts";
import {
  type BrokenEndpoint,
  type Endpoint,
  type EndpointKey,
  hasUrl,
  isBroken,
  loadEndpointsById,
} from "./endpoint.ts";
import { hasSlowTraffic } from "./pace.ts";
import { type AttemptStatements, attemptStatements, Recorder } from "./record.ts";

export interface RetryOptions {
  /** Time limit of this run, in milliseconds. */
  budgetMs: number;
  /** Maximum number of deliveries per run. Default: 50,000. */
  maxDeliveries?: number;
  /** Maximum number of endpoints that are served at the same time, half of them slow ones. Default: 128. */
  parallel?: number;
  /** Maximum number of deliveries that are claimed at once for one endpoint. Default: 50. */
  perEndpoint?: number;
}

/**
 * How much longer than the run its claims last, in milliseconds, so that no other worker takes the claimed deliveries.
 */
const claimMarginMs = 30_000;
/** How long a run looks for new deliveries of slow endpoints. Then a later run does, which may overlap. */
const lookForMs = 37_000;
/** How often to look for newly due deliveries while endpoints are being served, in milliseconds. */
const lookMs = 500;

/**
 * Attempts the deliveries and the backlogs that are due: endpoints in parallel, the events of one endpoint in order.
 * Users take turns, and slow endpoints get at most half of the places.
 * Deliveries are sent to the current URL of their endpoint. Deliveries to an endpoint that is off or removed fail.
 * Draining backlogs are served at `drainPerSecond` until the run ends. While slow endpoints get deliveries, the run
 * continues to look for them.
 *
 * A claim ends when its lease ends, so the deliveries that a dead worker had claimed become due again. A backlog has one worker at a
 * time. Several runs and the webhook function may retry deliveries of an endpoint without a backlog at the same time.
 * They never take the same delivery, but together they keep no order. Retries have no fixed order anyway.
 */
export async function retryDeliveries(deps: WebhookDeps, options: RetryOptions): Promise<{ tried: number }> {
  return await deps.claims.hold(async (lease) => {
    const run = new Run(deps, options, lease);
    try {
      await run.work();
    } finally {
      await run.end();
    }
    return { tried: run.tried };
  });
}

class Run {
  tried = 0;
  readonly #deps: WebhookDeps;
  readonly #options: Required<RetryOptions>;
  readonly #budget: Budget;
  /** The end of the run by the injected clock, which may advance faster than real time. */
  readonly #end: number;
  readonly #lookUntil: number;
  readonly #attempts: AttemptStatements;
  /** The endpoints that are being served, by their ids. */
  readonly #active = new Map<string, { key: EndpointKey; work: Promise<void> }>();
  /** Endpoints that this run does not serve again. */
  readonly #skipped = new Set<string>();
  readonly #failures: unknown[] = [];
  #taken = 0;

  constructor(deps: WebhookDeps, options: RetryOptions, lease: ClaimLease) {
    this.#deps = deps;
    this.#options = { maxDeliveries: 50_000, parallel: 128, perEndpoint: 50, ...options };
    this.#budget = startBudget(options.budgetMs, lease);
    const now = deps.clock.now().getTime();
    this.#end = now + options.budgetMs;
    this.#lookUntil = now + lookForMs;
    this.#attempts = attemptStatements(deps.db, lease);
  }

  async work(): Promise<void> {
    while (hasTime(this.#deps, this.#budget)) {
      const busy = this.#active.size > 0;
      // At the limit, wait for endpoints that are being served: they may return part of what they have taken.
      const enough = this.#taken >= this.#options.maxDeliveries;
      if (enough && !busy) break;
      const started = !enough && (await this.#startDue());
      const full = this.#active.size >= this.#options.parallel;
      if (started && !full) continue;
      if (this.#active.size > 0) {
        await Promise.race([...this.#works(), realSleep(lookMs, undefined, { ref: false })]);
      } else if (!busy && !(await this.#waitForMore())) {
        break;
      }
    }
  }

  /** Waits for endpoints that are being served. Throws if any endpoint could not be served. */
  async end(): Promise<void> {
    await Promise.all(this.#works());
    await giveUpDisabled(this.#deps);
    if (this.#failures.length > 0)
      throw new AggregateError(this.#failures, "some due deliveries could not be attempted");
  }

  #works(): Promise<void>[] {
    return [...this.#active.values()].map(({ work }) => work);
  }

  /** Starts serving due endpoints, up to `parallel` at the same time. Returns whether any were due. */
  async #startDue(): Promise<boolean> {
    const { budgetMs, maxDeliveries, parallel, perEndpoint } = this.#options;
    const free = parallel - this.#active.size;
    const { lease } = this.#budget;
    const until = new Date(this.#deps.clock.now().getTime() + budgetMs + claimMarginMs);
    // This run already serves the active endpoints.
    const except = [...this.#skipped, ...this.#active.keys()];
    const freed = await freeDeliveries(this.#deps);
    if (freed > 0) this.#deps.log.warn({ deliveries: freed }, "continuing with deliveries of a worker that ended");
    await moveDueToBacklog(this.#deps);
    const shares = { active: [...this.#active.values()].map(({ key }) => key), slow: Math.ceil(parallel / 2) };
    const backlogs = await claimBacklogs(this.#deps, { lease, until, except, limit: Math.ceil(free / 2), shares });
    const due = await claimDue(this.#deps, {
      shares: { ...shares, active: [...shares.active, ...backlogs] },
      lease,
      until,
      except,
      endpoints: free - backlogs.length,
      perEndpoint,
      limit: maxDeliveries - this.#taken,
    });
    const instances = [...backlogs, ...due].map(({ instanceId }) => instanceId);
    const endpoints = await loadEndpointsById(this.#deps.db, this.#deps.vault, instances);
    for (const deliveries of Map.groupBy(due, ({ endpointId }) => endpointId).values()) {
      const [key] = deliveries;
      if (!key) continue;
      this.#taken += deliveries.length;
      this.#start(key, () => this.#serveDue(endpoints.get(key.endpointId), deliveries));
    }
    for (const key of backlogs) {
      // A claimed backlog may attempt at least one delivery, so that it doesn't wait until its claim expires.
      const limit = Math.min(perEndpoint, drainPerSecond, Math.max(maxDeliveries - this.#taken, 1));
      this.#taken += limit;
      const backlog = { endpointId: key.endpointId, lease, claimedUntil: until, limit };
      this.#start(key, async () => {
        const endpoint = this.#usable(endpoints.get(key.endpointId));
        // Another run has enough time for a whole attempt.
        if (endpoint && !hasTime(this.#deps, this.#budget, endpoint)) this.#skipped.add(endpoint.id);
        const tried = hasUrl(endpoint)
          ? await serveBacklog(this.#deps, new Recorder(this.#attempts), endpoint, backlog, this.#budget)
          : 0;
        this.#taken -= limit - tried;
        return tried;
      });
    }
    return backlogs.length + due.length > 0;
  }

  #start({ endpointId, instanceId }: EndpointKey, serve: () => Promise<number>): void {
    const work = serve()
      .then((tried) => {
        this.tried += tried;
      })
      .catch((error: unknown) => {
        this.#failures.push(error);
        this.#skipped.add(endpointId);
      })
      .finally(() => this.#active.delete(endpointId));
    this.#active.set(endpointId, { key: { endpointId, instanceId }, work });
  }

  /** Returns undefined for an endpoint that can't be used. */
  #usable(endpoint: Endpoint | BrokenEndpoint | undefined): Endpoint | undefined {
    if (!endpoint || !isBroken(endpoint)) return endpoint;
    this.#deps.log.error({ err: endpoint.error }, "can't deliver the webhooks of an endpoint");
    this.#skipped.add(endpoint.id);
    return undefined;
  }

  async #serveDue(loaded: Endpoint | BrokenEndpoint | undefined, deliveries: readonly Due[]) {
    const endpoint = this.#usable(loaded);
    const { lease } = this.#budget;
    const ids = deliveries.map(({ id }) => id);
    if (loaded && isBroken(loaded)) {
      await release(this.#deps, lease, ids, unusablePauseMs);
      return 0;
    }
    if (!hasUrl(endpoint)) {
      await giveUp(this.#deps, lease, deliveries);
      return 0;
    }
    if (endpoint.breaker.state === "parked" || endpoint.breaker.state === "draining") {
      // The endpoint got a backlog after these deliveries were claimed. The deliveries join that backlog.
      await release(this.#deps, lease, ids);
      return 0;
    }
    const recorder = new Recorder(this.#attempts);
    const result = await runBatch(this.#deps, recorder, endpoint, deliveries, { budget: this.#budget });
    // Record the attempts before any worker claims deliveries of this endpoint again.
    await recorder.settled();
    await recordBatchResult(this.#deps, lease, endpoint, result);
    if (result.untried.length > 0) this.#skipped.add(endpoint.id);
    return result.tried;
  }

  /**
   * Waits until the next draining backlog is due, or for a moment while slow endpoints get deliveries, because these
   * always go to backlogs. Returns false if nothing is expected within this run.
   */
  async #waitForMore(): Promise<boolean> {
    const { clock, sleep = realSleep } = this.#deps;
    const next = await nextDrain(this.#deps, [...this.#skipped]);
    const now = clock.now().getTime();
    const last = this.#end - (this.#deps.timeoutMs ?? attemptTimeoutMs);
    if (next && next.getTime() <= last) {
      await sleep(Math.max(next.getTime() - now, 1));
      return true;
    }
    if (now + lookMs > Math.min(last, this.#lookUntil) || !(await hasSlowTraffic(this.#deps))) return false;
    await sleep(lookMs);
    return true;
  }
}
