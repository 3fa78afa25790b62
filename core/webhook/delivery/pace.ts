import type postgres from "postgres";
import type { Clock } from "../../clock.ts";
import type { ClaimLease } from "../../db/claim-lease.ts";
import type { Database } from "../../db/index.ts";
import type { Logger } from "../../log.ts";
import type { EndpointKey, EndpointSettings, Target } from "./endpoint.ts";
import { endpointOf, targets } from "./target.ts";

export interface PaceLimits {
  /** An endpoint is slow if the moving average of its response time reaches this number of milliseconds. */
  slowMs: number;
  /** Maximum number of endpoints of one user that may occupy a worker of the event queue for longer than `busyAfterMs`. */
  perUser: number;
}

export const defaultLimits: PaceLimits = { slowMs: 2_000, perUser: 32 };

/**
 * Deliveries to an endpoint with a longer time limit always wait in its backlog, because the webhook function may not have
 * time for a whole attempt.
 */
const patientTimeoutMs = 40_000;
/** A batch that occupies its worker for longer than this, in milliseconds, makes its endpoint busy. */
export const busyAfterMs = 500;
/** The share of the newest response in the moving average. One response of twice `slowMs` makes an endpoint slow. */
const weight = 0.5;
/** A slow endpoint is fast again below this share of `slowMs`, so that it does not change with each response. */
const fastShare = 0.5;

interface PaceDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  limits?: PaceLimits;
}

/** Measures the response times of an endpoint during a batch. */
export class Pace {
  readonly #deps: PaceDeps;
  readonly #endpoint: Target;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #marking: Promise<void> | undefined;
  #averageMs: number;

  constructor(deps: PaceDeps, endpoint: Target) {
    this.#deps = deps;
    this.#endpoint = endpoint;
    this.#averageMs = endpoint.averageMs;
  }

  /** Milliseconds since the batch began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /**
   * Stores, `busyAfterMs` after the batch began, that the endpoint is busy until `until`, so that all workers see it
   * while the batch is still waiting for the endpoint.
   */
  markBusy(lease: ClaimLease, until: Date): void {
    const { log } = this.#deps;
    const wait = Math.max(busyAfterMs - this.elapsedMs, 0);
    this.#timer = setTimeout(() => {
      this.#marking = this.#write({ until, lease }).catch((error: unknown) => {
        log.warn({ err: error, endpointId: this.#endpoint.id }, "can't record that a webhook endpoint is busy");
      });
    }, wait);
  }

  get isSlow(): boolean {
    return isSlow(this.#deps, this.#averageMs);
  }

  add(durationMs: number): void {
    this.#averageMs += weight * (durationMs - this.#averageMs);
  }

  /** Stores the average of an endpoint that is not fast, and that the endpoint is no longer busy. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#marking;
    const { id, instanceId, averageMs } = this.#endpoint;
    const { slowMs } = this.#deps.limits ?? defaultLimits;
    if (this.isSlow && !isSlow(this.#deps, averageMs)) {
      const figures = { instanceId, endpointId: id, averageMs: Math.round(this.#averageMs) };
      this.#deps.log.info(figures, "a webhook endpoint is slow; its deliveries wait in a backlog of its own");
    }
    if (this.#averageMs >= slowMs * fastShare) await this.#write();
    else if (this.#marking || averageMs > 0)
      await this.#deps.db.sql`delete from endpoint_paces where endpoint_id = ${id}`;
  }

  async #write(busy?: { until: Date; lease: ClaimLease }): Promise<void> {
    const { id, url } = this.#endpoint;
    const { sql } = this.#deps.db;
    await sql`
      insert into endpoint_paces (endpoint_id, url, average_ms, busy_until, busy_by)
      select t.endpoint_id, ${url}, ${Math.round(this.#averageMs)}::int, ${busy?.until.toISOString() ?? null}::timestamptz,
        ${busy?.lease.id ?? null}::uuid
      from ${targets(sql)} t where t.endpoint_id = ${id}
      on conflict (endpoint_id) do update set
        url = excluded.url, average_ms = excluded.average_ms, busy_until = excluded.busy_until,
        busy_by = excluded.busy_by`;
  }
}

const isSlow = ({ limits }: Pick<PaceDeps, "limits">, averageMs: number) =>
  averageMs >= (limits ?? defaultLimits).slowMs;

/**
 * Whether the deliveries to an endpoint must wait in its backlog: the endpoint is slow, has a long time limit, or belongs to
 * a user that occupies too many workers.
 */
export function hasNoTurn(
  deps: Pick<PaceDeps, "limits">,
  { averageMs, timeoutMs, busyOfUser }: EndpointSettings,
): boolean {
  const { perUser } = deps.limits ?? defaultLimits;
  return busyOfUser >= perUser || isSlow(deps, averageMs) || timeoutMs > patientTimeoutMs;
}

/** How long a slow endpoint without new deliveries keeps a retry worker looking for them, in milliseconds. */
const trafficMs = 2 * 60_000;

/** Whether slow endpoints have had new deliveries recently. */
export async function hasSlowTraffic(deps: PaceDeps): Promise<boolean> {
  const [row] = await deps.db.sql`${slowTraffic(deps)} limit 1`;
  return row !== undefined;
}

/** Selects the slow endpoints that have had new deliveries recently. */
export function slowTraffic(deps: PaceDeps): postgres.PendingQuery<postgres.Row[]> {
  const { slowMs } = deps.limits ?? defaultLimits;
  const since = new Date(deps.clock.now().getTime() - trafficMs).toISOString();
  const { sql } = deps.db;
  return sql`
    select from endpoint_paces p join ${targets(sql)} t on t.endpoint_id = p.endpoint_id
    where p.average_ms >= ${slowMs}::int and exists (
      select from deliveries d where d.instance_id = t.instance_id and d.created_at > ${since}::timestamptz
        and ${endpointOf(sql)} = p.endpoint_id)`;
}

/** How a retry worker shares its places. */
export interface Shares {
  /** The endpoints that the worker serves now. */
  active: readonly EndpointKey[];
  /** Number of places for slow endpoints. The other places remain for fast endpoints. */
  slow: number;
}

/**
 * Returns the common table expression `in_turn (endpoint_id, turn)`, which ranks the endpoints of the expression
 * `waiting (endpoint_id, user_id, since)`. Users take turns: the first endpoints belong to the users with the fewest
 * endpoints among those that are being served or come earlier. Leaves out endpoints beyond the share of their user, and
 * slow endpoints beyond the share of all slow endpoints.
 */
export function inTurn(deps: PaceDeps, { active, slow }: Shares): postgres.PendingQuery<postgres.Row[]> {
  const { sql } = deps.db;
  const { perUser, slowMs } = deps.limits ?? defaultLimits;
  const endpoints = active.map(({ endpointId }) => endpointId);
  const instances = active.map(({ instanceId }) => instanceId);
  return sql`serving as (
      select i.user_id, coalesce(p.average_ms, 0) >= ${slowMs}::int as slow
      from unnest(${endpoints}::uuid[], ${instances}::uuid[]) as active(endpoint_id, instance_id)
        join instances i on i.id = active.instance_id
        left join endpoint_paces p on p.endpoint_id = active.endpoint_id
    ), placed as (
      select waiting.endpoint_id, waiting.since, coalesce(p.average_ms, 0) >= ${slowMs}::int as slow,
        row_number() over (partition by waiting.user_id order by waiting.since, waiting.endpoint_id)
          + (select count(*) from serving where serving.user_id = waiting.user_id) as place
      from waiting left join endpoint_paces p on p.endpoint_id = waiting.endpoint_id
    ), in_turn as (
      select endpoint_id, row_number() over (order by place, since, endpoint_id) as turn from (
        select placed.*, row_number() over (partition by slow order by place, since, endpoint_id) as slow_place
        from placed where place <= ${perUser}::int
      ) admitted
      where not slow or slow_place <= ${slow}::int - (select count(*) from serving where serving.slow)
    )`;
}
