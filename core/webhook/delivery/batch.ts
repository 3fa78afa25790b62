import { pauseAfter } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import type { ClaimLease, Claims } from "../../db/claim-lease.ts";
import type { Database } from "../../db/index.ts";
import type { Egress } from "../../egress/index.ts";
import type { Ids } from "../../id.ts";
import type { Logger } from "../../log.ts";
import { count } from "../../metric/index.ts";
import type { Storage } from "../../storage/index.ts";
import { isDocumented } from "../body/name.ts";
import { type Attempt, attempt, attemptTimeoutMs } from "./attempt.ts";
import type { Claimed } from "./claimed.ts";
import type { Target } from "./endpoint.ts";
import { Pace, type PaceLimits } from "./pace.ts";
import type { AttemptRecord, Recorder } from "./record.ts";
import { openBody } from "./sealed-body.ts";
import { endpointOf } from "./target.ts";

export interface WebhookDeps {
  db: Database;
  vault: Vault;
  egress: Pick<Egress, "fetch">;
  storage: Pick<Storage, "presign">;
  /** The URL at which receivers reach the REST API. Without it, links to files lead to the bucket. */
  publicUrl?: string | undefined;
  clock: Clock;
  ids: Ids;
  claims: Claims;
  log: Logger;
  /** Returns 0 to 1, for the jitter. */
  random?: () => number;
  /** Waits until the clock has advanced by this many milliseconds. */
  sleep?: (ms: number) => Promise<void>;
  /** Time limit for one attempt. Default: the time limit of the endpoint. */
  timeoutMs?: number;
  /** When an endpoint is slow, and how many slow endpoints a user may occupy workers with. Default: `defaultLimits`. */
  limits?: PaceLimits;
}

/** When the deliveries of an endpoint that can't be used are due again, in milliseconds. */
export const unusablePauseMs = 60_000;

/** Number of consecutive failures after which an endpoint is parked. */
export const parkedAfter = 3;

/** The working time of a run, and the lease under which the run claims deliveries. */
export interface Budget {
  lease: ClaimLease;
  remainingMs(): number;
}

export function startBudget(ms: number, lease: ClaimLease): Budget {
  const end = performance.now() + ms;
  return { lease, remainingMs: () => end - performance.now() };
}

/** Time limit for one attempt at an endpoint, in milliseconds. */
export const timeoutOf = ({ timeoutMs }: WebhookDeps, endpoint?: Pick<Target, "timeoutMs">) =>
  timeoutMs ?? endpoint?.timeoutMs ?? attemptTimeoutMs;

/** Whether the run still holds its claims and has enough time for a whole attempt. */
export const hasTime = (deps: WebhookDeps, budget: Budget, endpoint?: Pick<Target, "timeoutMs">) =>
  budget.lease.held && budget.remainingMs() >= timeoutOf(deps, endpoint);

/** The result of a batch of deliveries to one endpoint. */
export interface BatchResult {
  /** The number of attempts. */
  tried: number;
  /** Ids of claimed deliveries that were not attempted. */
  untried: string[];
  /** Ids of deliveries that failed since the last success and are not known to be at fault themselves. */
  failed: string[];
  /** Consecutive failures of the endpoint, including earlier ones. */
  failures: number;
  failingSince: Date | null;
  /** Whether the batch stopped early because its endpoint is slow. */
  yielded?: boolean;
}

export interface BatchOptions {
  budget: Budget;
  /**
   * Set if the batch occupies a worker that other endpoints need: it also stops when its endpoint turns out to be slow,
   * and the endpoint counts as busy.
   */
  busyUntil?: Date;
  /** The pace of the endpoint, if the batch began earlier. */
  pace?: Pace;
  /** The attempt of the first delivery, if it began earlier. */
  begun?: Promise<AttemptRecord> | undefined;
}

/**
 * Delivers a batch to one endpoint, one after another in the given order. Stops when the remaining time is too short
 * for a whole attempt, and after `parkedAfter` consecutive failures.
 */
export async function runBatch(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Target,
  deliveries: readonly Claimed[],
  options: BatchOptions,
): Promise<BatchResult> {
  const { pace = new Pace(deps, endpoint), budget, busyUntil } = options;
  if (busyUntil) pace.markBusy(budget.lease, busyUntil);
  try {
    return await runPaced(deps, recorder, endpoint, deliveries, { ...options, pace });
  } finally {
    await pace.end();
  }
}

async function runPaced(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Target,
  deliveries: readonly Claimed[],
  { budget, pace, busyUntil, begun }: BatchOptions & { pace: Pace },
): Promise<BatchResult> {
  let { failures, failingSince } = endpoint.breaker;
  let failed: string[] = [];
  let tried = 0;
  let yielded = false;
  for (const delivery of deliveries) {
    const current = tried === 0 ? begun : undefined;
    if (!current) {
      if (failures >= parkedAfter || !hasTime(deps, budget, endpoint)) break;
      yielded = busyUntil !== undefined && pace.isSlow;
      if (yielded) break;
    }
    const outcome = await (current ?? attemptDelivery(deps, endpoint, delivery, { failingSince, counts: true }));
    recorder.add(outcome);
    pace.add(outcome.durationMs);
    tried++;
    if (outcome.succeeded) {
      failures = 0;
      failingSince = null;
      failed = [];
    } else if (!outcome.atFault) {
      failures++;
      failingSince ??= outcome.at;
      if (outcome.verdict.status === "pending") failed.push(delivery.id);
    }
  }
  return { tried, untried: deliveries.slice(tried).map(({ id }) => id), failed, failures, failingSince, yielded };
}

/** Whether the delivery itself is at fault, because its endpoint has accepted another delivery since this one first failed. */
function isAtFault(delivery: Claimed, failingSince: Date | null): boolean {
  return delivery.firstFailedAt !== null && (failingSince === null || delivery.firstFailedAt < failingSince);
}

/** Makes one attempt. A failure counts against `maxRetries` if the delivery is at fault, and also with `counts`. */
export async function attemptDelivery(
  deps: WebhookDeps,
  endpoint: Target,
  delivery: Claimed,
  options: { failingSince: Date | null; counts: boolean },
): Promise<AttemptRecord> {
  const at = deps.clock.now();
  const body = readBody(deps, delivery);
  const result =
    typeof body === "string"
      ? await attempt(deps.egress, endpoint, { ...delivery, body }, at, timeoutOf(deps, endpoint))
      : body;
  const refused = isRefused(endpoint, delivery, result);
  const atFault = refused || isAtFault(delivery, options.failingSince);
  const counts = options.counts || atFault;
  const tries = delivery.tries + (counts ? 1 : 0);
  const isLast = tries > endpoint.maxRetries;
  const fails = isLast && atFault && (!refused || (await hasAccepted(deps, endpoint, delivery)));
  const verdict = verdictOf(deps, result, { tries, fails }, endpoint);
  count(result.succeeded ? "WebhooksSucceeded" : "WebhooksFailed");
  deps.log.info(
    {
      correlationId: delivery.correlationId,
      instanceId: endpoint.instanceId,
      endpointId: endpoint.id,
      deliveryId: delivery.id,
      event: delivery.eventType,
      attempt: delivery.attempts + 1,
      status: result.status,
      error: result.error,
      durationMs: result.durationMs,
      verdict: verdict.status,
    },
    "webhook attempt",
  );
  return { ...result, attemptId: deps.ids.uuid(), deliveryId: delivery.id, at, counts, verdict, atFault, refused };
}

/** Statuses by which receivers refuse an event whose name they don't know. */
const refusals: readonly (number | null)[] = [400, 404, 405, 406, 409, 415, 422, 501];

/**
 * Whether the receiver refuses an event that its API does not document and that its owner did not choose. Programs that
 * know only the documented events do this, so the failure says nothing about the endpoint.
 */
const isRefused = ({ dialect, events }: Target, { eventType }: Claimed, { status }: Attempt) =>
  refusals.includes(status) && events === null && !isDocumented(dialect, eventType);

/** Whether the endpoint has accepted a later delivery since this one first failed. Otherwise, it may refuse everything. */
async function hasAccepted({ db: { sql } }: WebhookDeps, endpoint: Target, delivery: Claimed): Promise<boolean> {
  const [row] = await sql`
    select 1 from deliveries d where d.instance_id = ${endpoint.instanceId} and ${endpointOf(sql)} = ${endpoint.id}
      and d.created_at > ${delivery.firstFailedAt?.toISOString() ?? null}::timestamptz and d.status = 'succeeded' limit 1`;
  return row !== undefined;
}

/**
 * Treats a body that can't be decrypted as a failed attempt, so that the delivery doesn't block its endpoint forever.
 */
function readBody(deps: WebhookDeps, delivery: Claimed): string | Attempt {
  try {
    return openBody(deps.vault, delivery.id, delivery.body);
  } catch (error) {
    const { id: deliveryId, correlationId } = delivery;
    deps.log.error({ err: error, correlationId, deliveryId }, "can't decrypt a stored webhook body");
    const reason = "internal: the stored body can't be decrypted";
    return { succeeded: false, status: null, error: reason, response: null, durationMs: 0 };
  }
}

/**
 * 410 Gone ends a delivery without a retry (Standard Webhooks). Other failures are retried up to `maxRetries` times;
 * failures of the endpoint itself don't use up retries.
 */
function verdictOf(
  deps: WebhookDeps,
  result: Attempt,
  { tries, fails }: { tries: number; fails: boolean },
  endpoint: Target,
): AttemptRecord["verdict"] {
  if (result.succeeded) return { status: "succeeded" };
  if (result.status === 410) return { status: "failed", reason: "gone" };
  if (fails) return { status: "failed", reason: "exhausted" };
  const pause = pauseAfter(Math.max(tries, 1), endpoint.retryInterval, deps.random);
  return { status: "pending", nextAt: new Date(deps.clock.now().getTime() + pause) };
}

/**
 * Releases claimed deliveries that were not attempted. They are due after `pauseMs`. Does nothing with deliveries that
 * another worker has taken over.
 */
export async function release(
  deps: WebhookDeps,
  lease: ClaimLease,
  deliveryIds: readonly string[],
  pauseMs = 0,
): Promise<void> {
  if (deliveryIds.length === 0) return;
  const nextAt = new Date(deps.clock.now().getTime() + pauseMs);
  await deps.db.sql`
    update deliveries set next_at = ${nextAt.toISOString()}::timestamptz, claimed_by = null
    where id = any(${deliveryIds as string[]}::uuid[]) and status = 'pending' and claimed_by = ${lease.id}`;
}
