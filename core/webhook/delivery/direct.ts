import type { WebhookDeps } from "./batch.ts";
import { attemptDelivery, timeoutOf } from "./batch.ts";
import type { Target } from "./endpoint.ts";
import { isBroken } from "./endpoint.ts";
import { hasNoTurn, Pace } from "./pace.ts";
import type { Prepared } from "./prepare.ts";
import type { AttemptRecord } from "./record.ts";
import { toFresh, toRow } from "./store.ts";
import { type Batch, type Begun, deliverStored } from "./stored.ts";
import type { Successes } from "./successes.ts";

/**
 * How long the deliveries of a batch to one endpoint may be without a row, in milliseconds. Then they are stored, so that
 * the API and other workers see them. Shorter than `busyAfterMs` and `detachAfterMs`, and much shorter than the time after
 * which SQS delivers the records of a dead worker again.
 */
const patienceMs = 250;

export type DirectDeps = WebhookDeps & {
  successes: Successes;
  /** How long deliveries may be without a row, in milliseconds. Default: 250. */
  patienceMs?: number;
};

type Direct = Prepared & { endpoint: Target };

/**
 * Whether deliveries to an endpoint are attempted before they are stored: the endpoint has neither failed recently nor a
 * backlog, is fast, and no earlier worker may have attempted one of the deliveries.
 */
export function isDirect(deps: WebhookDeps, deliveries: readonly Prepared[]): deliveries is readonly Direct[] {
  return deliveries.every(
    ({ again, endpoint }) =>
      !again &&
      !isBroken(endpoint) &&
      endpoint.breaker.state === "healthy" &&
      endpoint.averageMs === 0 &&
      !hasNoTurn(deps, endpoint),
  );
}

/**
 * Attempts deliveries to one endpoint in order, and stores each that succeeds together with its attempt. The first
 * delivery that fails or that isn't finished in time, and all after it, are stored like those of other endpoints.
 *
 * If the process dies before a delivery is stored, the queue delivers the record again, and the delivery gets the same
 * id (`deliveryIdOf`).
 */
export async function deliverDirectly(deps: DirectDeps, deliveries: readonly Direct[], batch: Batch): Promise<void> {
  const endpoint = deliveries[0]?.endpoint;
  if (!endpoint) return;
  const pace = new Pace(deps, endpoint);
  const { storing, rest, outcome } = await attemptDirectly(deps, endpoint, deliveries, { batch, pace });
  deps.successes.flush();
  const stored = Promise.all(storing);
  const [first] = rest;
  if (!first) {
    await stored;
    await pace.end();
    batch.onEnd(endpoint);
    return;
  }
  const begun: Begun = { pace, first: outcome && { delivery: first, outcome } };
  try {
    await stored;
    await deliverStored(deps, rest, batch, begun);
  } catch (error) {
    // A function must not end while it waits for a response.
    await outcome?.catch(() => undefined);
    throw error;
  }
}

interface Attempted {
  /** Resolve when the successful deliveries are stored. */
  storing: Promise<void>[];
  /** The deliveries to store before their attempts end. */
  rest: readonly Direct[];
  /** The attempt of the first of them, if it has begun. */
  outcome?: Promise<AttemptRecord>;
}

async function attemptDirectly(
  deps: DirectDeps,
  endpoint: Target,
  deliveries: readonly Direct[],
  { batch, pace }: { batch: Batch; pace: Pace },
): Promise<Attempted> {
  const storing: Promise<void>[] = [];
  const patience = new Patience(deps.patienceMs ?? patienceMs);
  try {
    for (const [index, delivery] of deliveries.entries()) {
      const hasTime = batch.remainingMs() >= timeoutOf(deps, endpoint);
      if (!hasTime || patience.isOver || pace.isSlow) return { storing, rest: deliveries.slice(index) };
      const outcome = attemptDelivery(deps, endpoint, toFresh(delivery), { failingSince: null, counts: true });
      // An error is thrown where the result is recorded.
      const attempt = await Promise.race([outcome, patience.over]).catch(() => undefined);
      if (!attempt?.succeeded) return { storing, rest: deliveries.slice(index), outcome };
      pace.add(attempt.durationMs);
      const success = deps.successes.add({ row: toRow(deps, delivery), attempt });
      // Whoever waits for `storing` gets the error.
      success.catch(() => undefined);
      storing.push(success);
    }
    return { storing, rest: [] };
  } finally {
    patience.stop();
  }
}

/** A time that begins with its creation. */
class Patience {
  isOver = false;
  readonly over: Promise<undefined>;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.over = promise;
    this.#timer = setTimeout(() => {
      this.isOver = true;
      resolve(undefined);
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
