import { startAge } from "../../clock.ts";
import type { WebhookDeps } from "./batch.ts";
import { attemptDelivery, timeoutOf } from "./batch.ts";
import type { Target } from "./endpoint.ts";
import { isBroken } from "./endpoint.ts";
import { hasNoTurn, Pace } from "./pace.ts";
import type { Prepared } from "./prepare.ts";
import type { AttemptRecord } from "./record.ts";
import { toFresh, toRow } from "./store.ts";
import { type Batch, type Begun, deliverStored } from "./stored.ts";
import type { Success, Successes } from "./successes.ts";

/**
 * The deliveries of a batch to one endpoint are stored after this time, in milliseconds, even if they have no result yet, so
 * that the API and other workers see them. It is shorter than `busyAfterMs` and `detachAfterMs`, and much shorter than the
 * time after which SQS delivers the records of a dead worker again.
 */
const patienceMs = 250;

/**
 * A batch of this age stores its deliveries before their attempts, in milliseconds. If the process was frozen, another
 * worker may have the records after 10 s (`keep-hidden.ts`), and stores their deliveries before it attempts them.
 */
const staleMs = 8_000;

export type DirectDeps = WebhookDeps & {
  successes: Successes;
  /** Deliveries without a result are stored after this time, in milliseconds. Default: 250. */
  patienceMs?: number;
};

type Direct = Prepared & { endpoint: Target };

/**
 * Whether deliveries to an endpoint are attempted before they are stored. The endpoint must be fast, without recent failures
 * and without a backlog, and none of the deliveries may need a row first.
 */
export function isDirect(deps: WebhookDeps, deliveries: readonly Prepared[]): deliveries is readonly Direct[] {
  return deliveries.every(
    ({ storeFirst, endpoint }) =>
      !storeFirst &&
      !isBroken(endpoint) &&
      endpoint.breaker.state === "healthy" &&
      endpoint.averageMs === 0 &&
      !hasNoTurn(deps, endpoint),
  );
}

/**
 * Attempts deliveries to one endpoint in order, and stores the successful ones together with their attempts. At the first
 * delivery that fails or takes too long, this delivery and all later ones are stored with `deliverStored`.
 *
 * If the process dies before a delivery is stored, the queue delivers the record again, and the delivery gets the same
 * id (`deliveryIdOf`). Never rejects, see `Batch.onFailure`.
 */
export async function deliverDirectly(deps: DirectDeps, deliveries: readonly Direct[], batch: Batch): Promise<void> {
  const endpoint = deliveries[0]?.endpoint;
  if (!endpoint) return;
  const pace = new Pace(deps, endpoint);
  const { successes, rest, outcome } = await attemptDirectly(deps, endpoint, deliveries, { batch, pace });
  const [first] = rest;
  const begun: Begun = { pace, first: first && outcome && { delivery: first, outcome } };
  try {
    await deps.successes.store(successes);
    if (first) return await deliverStored(deps, rest, batch, begun);
    await pace.end();
    batch.onEnd(endpoint);
  } catch (error) {
    batch.onFailure(deliveries, error);
  } finally {
    // A function must not end while it waits for a response. An error of the attempt has been reported.
    await outcome?.catch(() => undefined);
  }
}

interface Attempted {
  successes: Success[];
  /** The deliveries that must be stored now. */
  rest: readonly Direct[];
  /** The attempt at the first delivery of `rest`, if it has begun. */
  outcome?: Promise<AttemptRecord>;
}

async function attemptDirectly(
  deps: DirectDeps,
  endpoint: Target,
  deliveries: readonly Direct[],
  { batch, pace }: { batch: Batch; pace: Pace },
): Promise<Attempted> {
  const successes: Success[] = [];
  const patience = new Patience(deps.patienceMs ?? patienceMs);
  try {
    for (const [index, delivery] of deliveries.entries()) {
      const hasTime = batch.remainingMs() >= timeoutOf(deps, endpoint);
      const isStale = batch.ageMs() >= staleMs;
      if (!hasTime || isStale || patience.isOver || pace.isSlow) return { successes, rest: deliveries.slice(index) };
      const outcome = attemptDelivery(deps, endpoint, toFresh(delivery), { failingSince: null, counts: true });
      // An error is thrown where the result is recorded.
      const attempt = await Promise.race([outcome, patience.over]).catch(() => undefined);
      if (!attempt?.succeeded) return { successes, rest: deliveries.slice(index), outcome };
      pace.add(attempt.durationMs);
      successes.push({ row: toRow(deps, delivery), attempt });
    }
    return { successes, rest: [] };
  } finally {
    patience.stop();
  }
}

/**
 * Ends a wait after some milliseconds. `isOver` reads the clocks: when a frozen process continues, it may handle a response
 * before its timers.
 */
class Patience {
  readonly over: Promise<undefined>;
  readonly #age: () => number;
  readonly #ms: number;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.over = promise;
    this.#ms = ms;
    this.#age = startAge();
    this.#timer = setTimeout(resolve, ms, undefined);
  }

  get isOver(): boolean {
    return this.#age() >= this.#ms;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
