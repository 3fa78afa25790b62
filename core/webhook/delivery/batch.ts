import { pauseAfter } from "../../backoff.ts";
import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import { sealedPlace } from "../../crypto/sealed-place.ts";
import type { Database } from "../../db/index.ts";
import type { Egress } from "../../egress/index.ts";
import type { Ids } from "../../id.ts";
import type { Logger } from "../../log.ts";
import { count } from "../../metric/index.ts";
import type { Storage } from "../../storage/index.ts";
import { type Attempt, attempt, attemptTimeoutMs } from "./attempt.ts";
import type { Target } from "./endpoint.ts";
import type { Outcome, Recorder } from "./record.ts";

export interface WebhookDeps {
  db: Database;
  vault: Vault;
  egress: Pick<Egress, "fetch">;
  storage: Pick<Storage, "presign">;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** Answers 0 to 1, for the jitter. */
  random?: () => number;
  /** Waits until the clock has moved on so far. */
  sleep?: (ms: number) => Promise<void>;
  /** For one try. Default: `attemptTimeoutMs`. */
  timeoutMs?: number;
}

/** Failures in a row after which an endpoint is parked. */
export const parkedAfter = 3;

/** A delivery that this worker has claimed. */
export interface Claimed {
  id: string;
  eventType: string;
  correlationId: string | null;
  body: string;
  /** All tries before. */
  attempts: number;
  /** Failed tries before that count against `maxRetries`. */
  tries: number;
  firstFailedAt: Date | null;
}

/** How long there is left to work, in milliseconds. */
export interface Budget {
  left(): number;
}

export function startBudget(ms: number): Budget {
  const end = performance.now() + ms;
  return { left: () => end - performance.now() };
}

export const hasTime = (deps: WebhookDeps, budget: Budget) => budget.left() >= (deps.timeoutMs ?? attemptTimeoutMs);

/** What became of a group of deliveries. */
export interface GroupResult {
  tried: number;
  untried: string[];
  /** Those that failed since the last success, for which the endpoint itself is to blame as far as is known. */
  failed: string[];
  failures: number;
  failingSince: Date | null;
}

/**
 * Delivers what one instance has to say, one after another in the order given. Stops when there is no time left for a whole
 * try, and after three failures in a row.
 */
export async function runGroup(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Target,
  deliveries: readonly Claimed[],
  budget: Budget,
): Promise<GroupResult> {
  let { failures, failingSince } = endpoint.health;
  let failed: string[] = [];
  let tried = 0;
  for (const delivery of deliveries) {
    if (failures >= parkedAfter || !hasTime(deps, budget)) break;
    const atFault = isAtFault(delivery, failingSince);
    const outcome = await tryOnce(deps, endpoint, delivery, { atFault, counts: true });
    recorder.add(outcome);
    tried++;
    if (outcome.succeeded) {
      failures = 0;
      failingSince = null;
      failed = [];
    } else if (!atFault) {
      failures++;
      failingSince ??= outcome.at;
      if (outcome.verdict.status === "pending") failed.push(delivery.id);
    }
  }
  return { tried, untried: deliveries.slice(tried).map(({ id }) => id), failed, failures, failingSince };
}

/** The endpoint has taken something else since this delivery first failed: then the delivery is to blame, not the endpoint. */
export function isAtFault(delivery: Claimed, failingSince: Date | null): boolean {
  return delivery.firstFailedAt !== null && (failingSince === null || delivery.firstFailedAt < failingSince);
}

/** Makes one try. `counts`: a failure counts against `maxRetries`. */
export async function tryOnce(
  deps: WebhookDeps,
  endpoint: Target,
  delivery: Claimed,
  { atFault, counts }: { atFault: boolean; counts: boolean },
): Promise<Outcome> {
  const at = deps.clock.now();
  const body = readBody(deps, delivery);
  const result =
    typeof body === "string" ? await attempt(deps.egress, endpoint, { ...delivery, body }, at, deps.timeoutMs) : body;
  const tries = delivery.tries + (counts ? 1 : 0);
  const verdict = verdictOf(deps, result, { tries, atFault }, endpoint);
  count(result.succeeded ? "WebhooksSucceeded" : "WebhooksFailed");
  deps.log.info(
    {
      correlationId: delivery.correlationId,
      instanceId: endpoint.instanceId,
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
  return { ...result, attemptId: deps.ids.uuid(), deliveryId: delivery.id, at, counts, verdict };
}

/** A body that cannot be decrypted counts as a failed try: else it would hold up its instance for ever. */
function readBody(deps: WebhookDeps, delivery: Claimed): string | Attempt {
  try {
    return openBody(deps.vault, delivery.id, delivery.body);
  } catch (error) {
    const { id: deliveryId, correlationId } = delivery;
    deps.log.error({ err: error, correlationId, deliveryId }, "a stored webhook body cannot be decrypted");
    const reason = "internal: the stored body cannot be decrypted";
    return { succeeded: false, status: null, error: reason, response: null, durationMs: 0 };
  }
}

/**
 * 410 Gone says that nothing will ever be wanted there: no further try (Standard Webhooks). Otherwise a delivery has
 * `maxRetries` of them, but what the endpoint is to blame for does not use it up.
 */
function verdictOf(
  deps: WebhookDeps,
  result: Attempt,
  { tries, atFault }: { tries: number; atFault: boolean },
  endpoint: Target,
): Outcome["verdict"] {
  if (result.succeeded) return { status: "succeeded" };
  if (result.status === 410) return { status: "failed", reason: "gone" };
  if (atFault && tries > endpoint.maxRetries) return { status: "failed", reason: "exhausted" };
  const pause = pauseAfter(Math.max(tries, 1), endpoint.retryInterval, deps.random);
  return { status: "pending", nextAt: new Date(deps.clock.now().getTime() + pause) };
}

const sealedMark = "sealed:";

/** How a body that holds a credential rests in the database. JSON never begins like this. */
export function sealBody(vault: Vault, deliveryId: string, body: string): string {
  return sealedMark + vault.seal(Buffer.from(body), sealedPlace.deliveryBody(deliveryId)).toString("base64");
}

/** The exact body of a stored delivery, as it is sent. */
export function openBody(vault: Vault, deliveryId: string, stored: string): string {
  if (!stored.startsWith(sealedMark)) return stored;
  return vault
    .open(Buffer.from(stored.slice(sealedMark.length), "base64"), sealedPlace.deliveryBody(deliveryId))
    .toString();
}

export const isSealedBody = (stored: string) => stored.startsWith(sealedMark);

/** Gives claimed deliveries back, untried: due at once. */
export async function release(deps: WebhookDeps, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length === 0) return;
  await deps.db.sql`
    update deliveries set next_at = ${deps.clock.now().toISOString()}::timestamptz
    where id = any(${deliveryIds as string[]}::uuid[]) and status = 'pending'`;
}
