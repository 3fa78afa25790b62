import type { ClaimLease } from "../../db/claim-lease.ts";
import type { WebhookDeps } from "./batch.ts";
import { holdBacklog } from "./circuit-breaker.ts";
import type { Target } from "./endpoint.ts";

/**
 * After this time, in milliseconds, a batch stops delaying the other endpoints of its instance: workers take the next events
 * of the instance from the queue, and store those for the endpoint of this batch in its backlog.
 */
export const detachAfterMs = 1_000;

/** Returns a function to call for each endpoint that no longer needs its events. It reports an instance after its last one. */
export function countdown<Of extends Pick<Target, "instanceId">>(
  endpoints: readonly Of[],
  isDone: (instanceId: string) => void,
): (endpoint: Of) => void {
  const open = Map.groupBy(new Set(endpoints), ({ instanceId }) => instanceId);
  const left = new Map([...open].map(([instanceId, some]) => [instanceId, new Set(some)]));
  return (endpoint) => {
    const others = left.get(endpoint.instanceId);
    if (others?.delete(endpoint) && others.size === 0) isDone(endpoint.instanceId);
  };
}

/**
 * Keeps a batch to one endpoint from delaying the other endpoints of its instance. After `detachAfterMs`, the batch holds
 * the backlog of its endpoint, so that later deliveries to the endpoint wait there until the batch ends.
 */
export class Detachment {
  readonly #timer: NodeJS.Timeout;
  #held: Promise<boolean> = Promise.resolve(false);

  /** `elapsedMs`: the time since the batch began. */
  constructor(
    deps: WebhookDeps,
    { lease, until, elapsedMs }: { lease: ClaimLease; until: Date; elapsedMs: number },
    { id }: Target,
    onHeld: () => void,
  ) {
    this.#timer = setTimeout(
      () => {
        this.#held = holdBacklog(deps, lease, id, until).catch((error: unknown) => {
          deps.log.warn({ err: error, endpointId: id }, "can't detach a slow webhook endpoint from its instance");
          return false;
        });
        void this.#held.then((held) => held && onHeld());
      },
      Math.max(detachAfterMs - elapsedMs, 0),
    );
  }

  /** Whether the batch holds the backlog of its endpoint. */
  get isHeld(): Promise<boolean> {
    return this.#held;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
