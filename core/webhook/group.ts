import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import type { Egress } from "../egress/index.ts";
import type { Ids } from "../id.ts";
import type { Logger } from "../log.ts";
import { type Attempt, attempt, attemptTimeoutMs } from "./attempt.ts";
import { pauseAfter } from "./backoff.ts";
import { downAfter, type Endpoint } from "./endpoint.ts";
import type { Outcome, Recorder } from "./record.ts";

export interface WebhookDeps {
  db: Database;
  vault: Vault;
  egress: Egress;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** Answers 0 to 1, for the jitter. */
  random?: () => number;
}

/** A delivery that this worker has claimed. */
export interface Claimed {
  id: string;
  eventType: string;
  body: string;
  /** Tries before. */
  attempts: number;
}

/** How long there is left to work, in milliseconds. */
export interface Budget {
  left(): number;
}

export function startBudget(ms: number): Budget {
  const end = performance.now() + ms;
  return { left: () => end - performance.now() };
}

/** What became of a group: how many were tried, and what was not tried and when it should be. */
export interface GroupResult {
  tried: number;
  untried: Claimed[];
  nextAt: Date;
  /** The endpoint failed so often in a row that the rest was not tried. */
  down: boolean;
}

/**
 * Delivers what one instance has to say, one after another in the order given. Stops when there is no time left for a whole
 * try, and when the endpoint is down: then the rest waits with the delivery that failed last.
 */
export async function runGroup(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Endpoint & { url: string },
  deliveries: readonly Claimed[],
  budget: Budget,
): Promise<GroupResult> {
  // One that is down gets one try: the first delivery is the probe.
  let failing = endpoint.downUntil ? downAfter - 1 : endpoint.failing;
  let nextAt = deps.clock.now();
  for (const [index, delivery] of deliveries.entries()) {
    const down = failing >= downAfter;
    if (down || budget.left() < attemptTimeoutMs) {
      return { tried: index, untried: deliveries.slice(index), nextAt: down ? nextAt : deps.clock.now(), down };
    }
    const outcome = await deliver(deps, endpoint, delivery);
    recorder.add(outcome);
    if (outcome.succeeded) {
      failing = 0;
    } else {
      failing++;
      nextAt =
        outcome.verdict.status === "pending"
          ? outcome.verdict.nextAt
          : pausedUntil(deps, outcome.at, delivery.attempts + 1, endpoint);
    }
  }
  return { tried: deliveries.length, untried: [], nextAt, down: failing >= downAfter };
}

async function deliver(deps: WebhookDeps, endpoint: Endpoint & { url: string }, delivery: Claimed): Promise<Outcome> {
  const at = deps.clock.now();
  const body = readBody(deps, delivery);
  const result = typeof body === "string" ? await attempt(deps.egress, endpoint, { id: delivery.id, body }, at) : body;
  const number = delivery.attempts + 1;
  const verdict = verdictOf(deps, result, number, endpoint);
  deps.log[result.succeeded ? "debug" : "info"](
    {
      instanceId: endpoint.instanceId,
      deliveryId: delivery.id,
      event: delivery.eventType,
      attempt: number,
      status: result.status,
      error: result.error,
      durationMs: result.durationMs,
      verdict: verdict.status,
    },
    "webhook attempt",
  );
  return { ...result, attemptId: deps.ids.uuid(), deliveryId: delivery.id, at, verdict };
}

/** A body that cannot be decrypted counts as a failed try: else it would hold up its instance for ever. */
function readBody(deps: WebhookDeps, delivery: Claimed): string | Attempt {
  try {
    return openBody(deps.vault, delivery.id, delivery.body);
  } catch (error) {
    deps.log.error({ err: error, deliveryId: delivery.id }, "a stored webhook body cannot be decrypted");
    const reason = "internal: the stored body cannot be decrypted";
    return { succeeded: false, status: null, error: reason, response: null, durationMs: 0 };
  }
}

/** 410 Gone says that nothing will ever be wanted there: no further try (Standard Webhooks). */
function verdictOf(deps: WebhookDeps, result: Attempt, number: number, endpoint: Endpoint): Outcome["verdict"] {
  if (result.succeeded) return { status: "succeeded" };
  if (result.status === 410 || number > endpoint.maxRetries) return { status: "failed" };
  return { status: "pending", nextAt: pausedUntil(deps, deps.clock.now(), number, endpoint) };
}

function pausedUntil(deps: WebhookDeps, from: Date, failed: number, endpoint: Endpoint): Date {
  return new Date(from.getTime() + pauseAfter(failed, endpoint.retryInterval, deps.random));
}

const sealedMark = "sealed:";
const bodyPlace = (deliveryId: string) => `delivery:${deliveryId}`;

/** How a body that holds a credential rests in the database. JSON never begins like this. */
export function sealBody(vault: Vault, deliveryId: string, body: string): string {
  return sealedMark + vault.seal(Buffer.from(body), bodyPlace(deliveryId)).toString("base64");
}

/** The exact body of a stored delivery, as it is sent. */
export function openBody(vault: Vault, deliveryId: string, stored: string): string {
  if (!stored.startsWith(sealedMark)) return stored;
  return vault.open(Buffer.from(stored.slice(sealedMark.length), "base64"), bodyPlace(deliveryId)).toString();
}

/** Gives claimed deliveries back, untried. */
export async function release(deps: WebhookDeps, deliveryIds: readonly string[], nextAt: Date): Promise<void> {
  if (deliveryIds.length === 0) return;
  await deps.db.sql`
    update deliveries set next_at = ${nextAt.toISOString()}::timestamptz where id = any(${deliveryIds as string[]}::uuid[]) and status = 'pending'`;
}
