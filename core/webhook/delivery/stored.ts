import { isNotStored } from "../../db/sql-state.ts";
import { type Budget, runBatch, startBudget, type WebhookDeps } from "./batch.ts";
import { finishPass, recordBatchResult, withoutBacklog } from "./circuit-breaker.ts";
import { Detachment } from "./detachment.ts";
import type { Target } from "./endpoint.ts";
import { Pace } from "./pace.ts";
import type { Prepared } from "./prepare.ts";
import { type AttemptRecord, type AttemptStatements, attemptStatements, Recorder } from "./record.ts";
import { store, type ToAttempt, toFresh } from "./store.ts";

/** How much longer than the batch its claims last, in milliseconds, so that no other worker takes its deliveries. */
const claimMarginMs = 30_000;

/** A batch of the event queue. */
export interface Batch {
  /** When this batch has ended at the latest, by the injected clock. */
  ends: Date;
  remainingMs(): number;
  /** Milliseconds since the batch was received, by the monotonic clock or the wall clock, whichever is more. */
  ageMs(): number;
  /** The instances with several endpoints. */
  several: ReadonlySet<string>;
  /** Called when the deliveries to an endpoint are stored, and attempted unless they wait in a backlog. */
  onEnd(endpoint: Prepared["endpoint"]): void;
  /** Called with deliveries to an endpoint that failed for an internal reason. The queue must deliver their events again. */
  onFailure(deliveries: readonly Prepared[], error: unknown): void;
}

/** An endpoint whose batch began before its deliveries were stored. */
export interface Begun {
  pace: Pace;
  /** The first delivery, if its attempt has begun. */
  first?: { delivery: Prepared & { endpoint: Target }; outcome: Promise<AttemptRecord> } | undefined;
}

/**
 * Stores deliveries, and then attempts those that no other worker has, under one lease. If Postgres refuses to store them,
 * or if a row stays locked, the deliveries of each instance are stored alone, so that an instance fails only because of
 * itself. Never rejects, see `Batch.onFailure`.
 */
export async function deliverStored(
  deps: WebhookDeps,
  prepared: readonly Prepared[],
  batch: Batch,
  begun?: Begun,
): Promise<void> {
  const instances = [...Map.groupBy(prepared, ({ event }) => event.instanceId).values()];
  const failures: Failure[] = [];
  let isStored = false;
  const work = deps.claims.hold(async (lease) => {
    const until = new Date(batch.ends.getTime() + claimMarginMs);
    const first = begun?.first?.delivery;
    const claim = { lease, until, begun: first?.id, waitsForLocks: instances.length === 1 };
    const stored = await store(deps, prepared, claim);
    isStored = true;
    const attempts = Map.groupBy(first ? withFirst(first, stored) : stored, ({ endpoint }) => endpoint.id);
    const statements = attemptStatements(deps.db, lease);
    const run = { batch, statements, until, budget: startBudget(batch.remainingMs(), lease), begun };
    const ended = [...Map.groupBy(prepared, ({ endpoint }) => endpoint)].map(async ([endpoint, deliveries]) => {
      const some = attempts.get(endpoint.id);
      if (!some) return batch.onEnd(endpoint);
      await attemptAll(deps, some, run).catch((error: unknown) => failures.push({ deliveries, error }));
    });
    await Promise.all(ended);
    // An error ends the lease, so that another worker can claim these deliveries at once.
    if (failures[0]) throw failures[0].error;
  });
  await work.catch(async (error: unknown) => {
    if (!isStored && instances.length > 1 && isNotStored(error)) {
      await Promise.all(instances.map((some) => deliverStored(deps, some, batch)));
    } else if (failures.length === 0) failures.push({ deliveries: prepared, error });
  });
  for (const { deliveries, error } of failures) {
    for (const some of Map.groupBy(deliveries, ({ endpoint }) => endpoint).values()) batch.onFailure(some, error);
  }
}

interface Failure {
  deliveries: readonly Prepared[];
  error: unknown;
}

/** Puts a delivery whose attempt has begun before the others, even if another worker has stored it meanwhile. */
function withFirst(first: Prepared & { endpoint: Target }, stored: readonly ToAttempt[]): ToAttempt[] {
  const others = stored.filter(({ claimed }) => claimed.id !== first.id);
  return [{ endpoint: first.endpoint, claimed: toFresh(first) }, ...others];
}

interface Run {
  batch: Batch;
  statements: AttemptStatements;
  budget: Budget;
  /** When the claims end at the latest. */
  until: Date;
  begun: Begun | undefined;
}

/** Attempts deliveries to one endpoint. */
async function attemptAll(
  deps: WebhookDeps,
  deliveries: readonly ToAttempt[],
  { batch, statements, budget, until, begun }: Run,
): Promise<void> {
  const endpoint = deliveries[0]?.endpoint;
  if (!endpoint) return;
  const recorder = new Recorder(statements);
  const current = { ...endpoint, breaker: withoutBacklog(endpoint.breaker) };
  const startedAt = deps.clock.now();
  const pace = begun?.pace ?? new Pace(deps, current);
  const end = () => batch.onEnd(endpoint);
  const { lease } = budget;
  const detachment = batch.several.has(endpoint.instanceId)
    ? new Detachment(deps, { lease, until, elapsedMs: pace.elapsedMs }, endpoint, end)
    : undefined;
  const claimed = deliveries.map((delivery) => delivery.claimed);
  const options = { budget, busyUntil: batch.ends, pace, begun: begun?.first?.outcome };
  const result = await runBatch(deps, recorder, current, claimed, options).finally(() => detachment?.stop());
  await recorder.settled();
  if (await detachment?.isHeld) await finishPass(deps, current, { ...result, startedAt, lease });
  else await recordBatchResult(deps, lease, current, result);
  end();
}
