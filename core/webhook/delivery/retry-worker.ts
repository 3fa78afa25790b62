import { setTimeout as realSleep } from "node:timers/promises";
import { attemptTimeoutMs } from "./attempt.ts";
import { claimLines, lineUp, nextDrain, serveLine } from "./backlog.ts";
import { type Budget, hasTime, release, runGroup, startBudget, type WebhookDeps } from "./batch.ts";
import { drainPerSecond, giveUpDisabled, noteGroup } from "./circuit-breaker.ts";
import { claimDue, type Due, giveUp } from "./due.ts";
import { type Endpoint, hasUrl, loadEndpoints } from "./endpoint.ts";
import { Recorder } from "./record.ts";

export interface WakeOptions {
  /** Milliseconds this run may take. */
  budgetMs: number;
  /** Deliveries that this run takes at most. Default 50,000. */
  maxDeliveries?: number;
  /** Endpoints that are served at the same time. Default 32. */
  parallel?: number;
  /** Deliveries of one endpoint that are taken at once. Default 50. */
  perEndpoint?: number;
}

/** Beyond the time of the run: until then nobody else takes what it has claimed. */
const claimMarginMs = 30_000;
/** While endpoints are being served, what has become due elsewhere is looked for this often. */
const lookMs = 500;

/**
 * Tries the deliveries that are due and the lines whose turn it is: endpoints side by side, those of one in the order of
 * their events. Each goes where the instance's webhook goes now; what is left of an instance that has none any more has
 * failed. A line that is being drained is served as long as the run may take: `drainPerSecond`.
 *
 * A claim is a time: what a worker had that died is due again when that has passed. A line has one worker at a time, in
 * however many runs. Retries of an endpoint without a line may be made by two runs side by side, and by the function of
 * the event queue beside them: no delivery twice, but not in an order, which retries have lost anyway.
 */
export async function wakeDeliveries(deps: WebhookDeps, options: WakeOptions): Promise<{ tried: number }> {
  const run = new Run(deps, options);
  try {
    await run.work();
  } finally {
    await run.end();
  }
  return { tried: run.tried };
}

class Run {
  tried = 0;
  readonly #deps: WebhookDeps;
  readonly #options: Required<WakeOptions>;
  readonly #budget: Budget;
  /** By the clock, which may move faster than the time that this process has. */
  readonly #end: number;
  readonly #recorder: Recorder;
  readonly #active = new Map<string, Promise<void>>();
  /** They get nothing more in this run. */
  readonly #resting = new Set<string>();
  readonly #failures: unknown[] = [];
  #taken = 0;

  constructor(deps: WebhookDeps, options: WakeOptions) {
    this.#deps = deps;
    this.#options = { maxDeliveries: 50_000, parallel: 32, perEndpoint: 50, ...options };
    this.#budget = startBudget(options.budgetMs);
    this.#end = deps.clock.now().getTime() + options.budgetMs;
    this.#recorder = new Recorder(deps.db);
  }

  async work(): Promise<void> {
    while (hasTime(this.#deps, this.#budget)) {
      const busy = this.#active.size > 0;
      // What is under way may not need all that it has taken.
      const enough = this.#taken >= this.#options.maxDeliveries;
      if (enough && !busy) break;
      const started = !enough && (await this.#startDue());
      const full = this.#active.size >= this.#options.parallel;
      if (started && !full) continue;
      if (this.#active.size > 0) {
        await Promise.race([...this.#active.values(), realSleep(lookMs, undefined, { ref: false })]);
      } else if (!busy && !(await this.#waitForDrain())) {
        break;
      }
    }
  }

  /** Waits for what is under way. Throws what kept endpoints from being served. */
  async end(): Promise<void> {
    await Promise.all(this.#active.values());
    await giveUpDisabled(this.#deps);
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, "due deliveries could not be tried");
  }

  /** Starts as much of what is due as there is room for. Answers whether there was any. */
  async #startDue(): Promise<boolean> {
    const { budgetMs, maxDeliveries, parallel, perEndpoint } = this.#options;
    const free = parallel - this.#active.size;
    const until = new Date(this.#deps.clock.now().getTime() + budgetMs + claimMarginMs);
    // Endpoints that are being served now are left out, and may have more when they are done.
    const except = [...this.#resting, ...this.#active.keys()];
    await lineUp(this.#deps);
    const lines = await claimLines(this.#deps, { until, except, lines: Math.ceil(free / 2) });
    const due = await claimDue(this.#deps, {
      until,
      except,
      endpoints: free - lines.length,
      perEndpoint,
      limit: maxDeliveries - this.#taken,
    });
    const groups = Map.groupBy(due, (delivery) => delivery.instanceId);
    const endpoints = await loadEndpoints(this.#deps.db, this.#deps.vault, [...lines, ...groups.keys()]);
    for (const [id, deliveries] of groups) {
      this.#taken += deliveries.length;
      this.#start(id, () => this.#serveDue(id, endpoints.get(id), deliveries));
    }
    for (const instanceId of lines) {
      // A line that is claimed gets one at least, or it would wait until its claim has passed.
      const limit = Math.min(perEndpoint, drainPerSecond, Math.max(maxDeliveries - this.#taken, 1));
      this.#taken += limit;
      const line = { instanceId, claimedUntil: until, limit };
      this.#start(instanceId, async () => {
        const endpoint = this.#usable(instanceId, endpoints.get(instanceId));
        const tried = hasUrl(endpoint) ? await serveLine(this.#deps, this.#recorder, endpoint, line, this.#budget) : 0;
        this.#taken -= limit - tried;
        return tried;
      });
    }
    return lines.length + due.length > 0;
  }

  #start(instanceId: string, serve: () => Promise<number>): void {
    const work = serve()
      .then((tried) => {
        this.tried += tried;
      })
      .catch((error: unknown) => {
        this.#failures.push(error);
        this.#resting.add(instanceId);
      })
      .finally(() => this.#active.delete(instanceId));
    this.#active.set(instanceId, work);
  }

  /** Undefined for one that cannot be used: what was claimed of it stays so, and is due again when the claim has passed. */
  #usable(instanceId: string, endpoint: Endpoint | Error | undefined): Endpoint | undefined {
    if (!(endpoint instanceof Error)) return endpoint;
    this.#deps.log.error({ err: endpoint }, "an instance's webhooks cannot be delivered");
    this.#resting.add(instanceId);
    return undefined;
  }

  async #serveDue(instanceId: string, loaded: Endpoint | Error | undefined, deliveries: readonly Due[]) {
    const endpoint = this.#usable(instanceId, loaded);
    if (loaded instanceof Error) return 0;
    if (!hasUrl(endpoint)) {
      await giveUp(this.#deps, deliveries);
      return 0;
    }
    if (endpoint.health.state === "parked" || endpoint.health.state === "draining") {
      // It has got a line since they were claimed: there they will stand.
      await release(
        this.#deps,
        deliveries.map(({ id }) => id),
      );
      return 0;
    }
    const result = await runGroup(this.#deps, this.#recorder, endpoint, deliveries, this.#budget);
    // Before anybody may claim for this endpoint again: what it did just now tells how it fares.
    await this.#recorder.settled();
    await noteGroup(this.#deps, endpoint, result);
    if (result.untried.length > 0) this.#resting.add(instanceId);
    return result.tried;
  }

  /** Answers false when no line has its next turn within the time of this run. */
  async #waitForDrain(): Promise<boolean> {
    const { clock, sleep = realSleep } = this.#deps;
    const next = await nextDrain(this.#deps, [...this.#resting]);
    const now = clock.now().getTime();
    if (!next || next.getTime() > this.#end - (this.#deps.timeoutMs ?? attemptTimeoutMs)) return false;
    await sleep(Math.max(next.getTime() - now, 1));
    return true;
  }
}
