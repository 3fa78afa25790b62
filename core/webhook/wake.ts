import { attemptTimeoutMs } from "./attempt.ts";
import { hasUrl } from "./deliver.ts";
import { type Endpoint, loadEndpoints } from "./endpoint.ts";
import { type Budget, type Claimed, release, runGroup, startBudget, type WebhookDeps } from "./group.ts";
import { Recorder } from "./record.ts";

export interface WakeOptions {
  /** Milliseconds this run may take. */
  budgetMs: number;
  /** Deliveries that this run takes at most. Default 5,000. */
  maxDeliveries?: number;
  /** Endpoints that are served at the same time. Default 32. */
  parallel?: number;
  /** Deliveries of one endpoint that are taken at once. Default 50. */
  perEndpoint?: number;
}

type Due = Claimed & { instanceId: string };

/** Beyond the time of the run: until then nobody else takes what it has claimed. */
const claimMarginMs = 30_000;
/** Of one statement that moves what waits for an endpoint that is down. */
const maxMoved = 10_000;

/**
 * Tries the deliveries that are due: endpoints side by side, those of one in the order of their events. Each goes where the
 * instance's webhook goes now; what is left of an instance that has none any more has failed.
 * A claim is a time: a delivery whose worker died is due again when that has passed. Two runs at the same time do not
 * both take one, but may serve one endpoint side by side: order wants one run at a time.
 */
export async function wakeDeliveries(deps: WebhookDeps, options: WakeOptions): Promise<{ tried: number }> {
  const { budgetMs, maxDeliveries = 5_000, parallel = 32, perEndpoint = 50 } = options;
  const budget = startBudget(budgetMs);
  const recorder = new Recorder(deps.db);
  const active = new Map<string, Promise<void>>();
  const resting = new Set<string>();
  const failures: unknown[] = [];
  let tried = 0;
  let taken = 0;

  const start = (instanceId: string, endpoint: Endpoint | Error | undefined, deliveries: readonly Due[]) => {
    const work = serve(deps, recorder, endpoint, deliveries, budget)
      .then((result) => {
        tried += result.tried;
        if (result.rest) resting.add(instanceId);
      })
      .catch((error: unknown) => {
        failures.push(error);
        resting.add(instanceId);
      })
      .finally(() => active.delete(instanceId));
    active.set(instanceId, work);
  };

  try {
    while (budget.left() >= attemptTimeoutMs && taken < maxDeliveries) {
      const now = deps.clock.now();
      // Endpoints that are being served now are left out, and may have more when they are done.
      const busy = active.size > 0;
      const due = await claim(deps, {
        now,
        until: new Date(now.getTime() + budgetMs + claimMarginMs),
        except: [...resting, ...active.keys()],
        endpoints: parallel - active.size,
        perEndpoint,
        limit: maxDeliveries - taken,
      });
      taken += due.length;
      const groups = Map.groupBy(due, (delivery) => delivery.instanceId);
      const endpoints = await loadEndpoints(deps.db, deps.vault, [...groups.keys()], now);
      for (const [id, deliveries] of groups) start(id, endpoints.get(id), deliveries);
      if (due.length === 0 && !busy) break;
      if (active.size > 0 && (due.length === 0 || active.size >= parallel)) await Promise.race(active.values());
    }
  } finally {
    await Promise.all(active.values());
  }
  if (failures.length > 0) throw new AggregateError(failures, "due deliveries could not be tried");
  return { tried };
}

/** Serves one endpoint. `rest`: it gets nothing more in this run. */
async function serve(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Endpoint | Error | undefined,
  deliveries: readonly Due[],
  budget: Budget,
): Promise<{ tried: number; rest: boolean }> {
  if (endpoint instanceof Error) {
    // Claimed they stay, and are due again when the claim has passed.
    deps.log.error({ err: endpoint }, "an instance's webhooks cannot be delivered");
    return { tried: 0, rest: true };
  }
  if (!hasUrl(endpoint)) {
    await giveUp(deps, deliveries);
    return { tried: 0, rest: false };
  }
  const result = await runGroup(deps, recorder, endpoint, deliveries, budget);
  const ids = result.untried.map((delivery) => delivery.id);
  // Before anybody may claim for this endpoint again: what it did just now tells whether it is down.
  await recorder.settled();
  await release(deps, ids, result.nextAt);
  if (result.down) await moveDue(deps, endpoint.instanceId, result.nextAt);
  return { tried: result.tried, rest: result.down || ids.length > 0 };
}

/** The oldest events first of each endpoint, the endpoints that wait longest first. */
async function claim(
  deps: WebhookDeps,
  options: { now: Date; until: Date; except: readonly string[]; endpoints: number; perEndpoint: number; limit: number },
): Promise<Due[]> {
  const now = options.now.toISOString();
  const rows = await deps.db.sql<
    { id: string; instance_id: string; event_seq: number; event_type: string; body: string; attempts: number }[]
  >`
    with due as (
      select id, instance_id,
        row_number() over (partition by instance_id order by event_seq) as place,
        min(next_at) over (partition by instance_id) as since
      from deliveries
      where status = 'pending' and next_at <= ${now}::timestamptz and instance_id <> all(${options.except as string[]}::uuid[])
    ), ranked as (
      select id, place, dense_rank() over (order by since, instance_id) as endpoint
      from due where place <= ${options.perEndpoint}
    ), free as (
      select id from deliveries
      where id in (
          select id from ranked where endpoint <= ${options.endpoints} order by endpoint, place limit ${options.limit})
        and status = 'pending' and next_at <= ${now}::timestamptz
      for update skip locked
    )
    update deliveries d set next_at = ${options.until.toISOString()}::timestamptz from free where d.id = free.id
    returning d.id, d.instance_id, d.event_seq::float8 as event_seq, d.event_type, d.body, d.attempts`;
  return rows
    .sort((a, b) => a.event_seq - b.event_seq)
    .map((row) => ({
      id: row.id,
      instanceId: row.instance_id,
      eventType: row.event_type,
      body: row.body,
      attempts: row.attempts,
    }));
}

/** Whatever else is due at an endpoint that is down waits for its next probe. */
async function moveDue(deps: WebhookDeps, instanceId: string, nextAt: Date): Promise<void> {
  await deps.db.sql`
    update deliveries set next_at = ${nextAt.toISOString()}::timestamptz where id in (
      select id from deliveries
      where status = 'pending' and next_at <= ${deps.clock.now().toISOString()}::timestamptz and instance_id = ${instanceId}
      order by next_at limit ${maxMoved}
      for update skip locked)`;
}

/** The instance's user has switched its webhook off, and the event is not wanted any more. */
async function giveUp(deps: WebhookDeps, deliveries: readonly Due[]): Promise<void> {
  const ids = deliveries.map((delivery) => delivery.id);
  await deps.db.sql`
    update deliveries set status = 'failed', finished_at = ${deps.clock.now().toISOString()}::timestamptz
    where id = any(${ids}::uuid[]) and status = 'pending'`;
  deps.log.warn(
    { instanceId: deliveries[0]?.instanceId, deliveries: ids.length },
    "deliveries of an instance without webhook were given up",
  );
}
