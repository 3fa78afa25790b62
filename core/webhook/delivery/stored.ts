import { type Budget, runBatch, startBudget, type WebhookDeps } from "./batch.ts";
import { finishPass, recordBatchResult, withoutBacklog } from "./circuit-breaker.ts";
import { Detachment } from "./detachment.ts";
import type { Target } from "./endpoint.ts";
import { Pace } from "./pace.ts";
import type { Prepared } from "./prepare.ts";
import { type AttemptRecord, Recorder } from "./record.ts";
import { store, type ToAttempt, toFresh } from "./store.ts";

/** How much longer than the batch its claims last, in milliseconds, so that no other worker takes its deliveries. */
const claimMarginMs = 30_000;

/** A batch of the event queue. */
export interface Batch {
  /** When this batch has ended at the latest, by the injected clock. */
  ends: Date;
  remainingMs(): number;
  /** The instances with several endpoints. */
  several: ReadonlySet<string>;
  /** Called when the deliveries to an endpoint are stored, and attempted unless they wait in a backlog. */
  onEnd(endpoint: Prepared["endpoint"]): void;
}

/** An endpoint whose batch began before its deliveries were stored. */
export interface Begun {
  pace: Pace;
  /** The first delivery, if its attempt has begun. */
  first?: { delivery: Prepared & { endpoint: Target }; outcome: Promise<AttemptRecord> } | undefined;
}

/** Stores deliveries, and then attempts those that no other worker has, under one lease. */
export function deliverStored(
  deps: WebhookDeps,
  prepared: readonly Prepared[],
  batch: Batch,
  begun?: Begun,
): Promise<void> {
  const until = new Date(batch.ends.getTime() + claimMarginMs);
  return deps.claims.hold(async (lease) => {
    const first = begun?.first?.delivery;
    const stored = await store(deps, prepared, { lease, until, begun: first?.id });
    const attempts = Map.groupBy(first ? withFirst(first, stored) : stored, ({ endpoint }) => endpoint.id);
    for (const endpoint of new Set(prepared.map((one) => one.endpoint)))
      if (!attempts.has(endpoint.id)) batch.onEnd(endpoint);
    const recorder = new Recorder(deps.db, lease);
    const run = { batch, recorder, until, budget: startBudget(batch.remainingMs(), lease), begun };
    const ended = await Promise.allSettled([...attempts.values()].map((some) => attemptAll(deps, some, run)));
    await recorder.settled();
    const rejected = ended.find((result) => result.status === "rejected");
    if (rejected) throw rejected.reason;
  });
}

/** Puts a delivery whose attempt has begun before the others, even if another worker has stored it meanwhile. */
function withFirst(first: Prepared & { endpoint: Target }, stored: readonly ToAttempt[]): ToAttempt[] {
  const others = stored.filter(({ claimed }) => claimed.id !== first.id);
  return [{ endpoint: first.endpoint, claimed: toFresh(first) }, ...others];
}

interface Run {
  batch: Batch;
  recorder: Recorder;
  budget: Budget;
  /** When the claims end at the latest. */
  until: Date;
  begun: Begun | undefined;
}

/** Attempts deliveries to one endpoint. */
async function attemptAll(
  deps: WebhookDeps,
  deliveries: readonly ToAttempt[],
  { batch, recorder, budget, until, begun }: Run,
): Promise<void> {
  const endpoint = deliveries[0]?.endpoint;
  if (!endpoint) return;
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
