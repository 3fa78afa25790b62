import type postgres from "postgres";
import { type ClaimLease, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import { someIds } from "../../db/generic-plan.ts";
import { lockTimeout, lockWaitMs } from "../../db/shared-statements.ts";
import { unusablePauseMs, type WebhookDeps } from "./batch.ts";
import { openBacklogs } from "./circuit-breaker.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";
import { isBroken, type Target } from "./endpoint.ts";
import { hasNoTurn } from "./pace.ts";
import type { Prepared } from "./prepare.ts";
import { sealBody } from "./sealed-body.ts";
import { endpointOf } from "./target.ts";

/** A claimed delivery with its endpoint. */
export interface ToAttempt {
  endpoint: Target;
  claimed: Claimed;
}

/** How a worker claims the deliveries that it stores. */
export interface Claim {
  lease: ClaimLease;
  until: Date;
  /** The id of a delivery whose attempt has begun. It is claimed even if its endpoint has a backlog. */
  begun?: string | undefined;
  /** If false, `store` throws `lockNotAvailable` if a row stays locked for `lockWaitMs`. Default: false. */
  waitsForLocks?: boolean;
}

/** Returns a delivery that no worker has attempted as a claimed delivery. */
export const toFresh = ({ id, event, body }: Pick<Prepared, "id" | "event" | "body">): Claimed => {
  const { type: eventType, correlationId } = event;
  return { id, eventType, correlationId, body, attempts: 0, tries: 0, firstFailedAt: null };
};

/**
 * Stores one row per delivery: claimed, or in the backlog if the endpoint is slow or has a backlog. Returns the
 * deliveries to attempt now, with those of a worker that died. Skips other deliveries that exist, whatever their state.
 */
export async function store(deps: WebhookDeps, prepared: readonly Prepared[], claim: Claim): Promise<ToAttempt[]> {
  const waiting = endpointsOf(prepared).flatMap((endpoint) => (hasNoTurn(deps, endpoint) ? [endpoint.id] : []));
  const stored =
    waiting.length === 0
      ? await insert(deps, deps.db.sql, prepared, claim)
      : // One transaction, so that no worker ends the new backlogs before these deliveries are in them.
        await deps.db.sql.begin(async (sql) => {
          await openBacklogs(sql, waiting, deps.clock.now());
          return await insert(deps, sql, prepared, claim);
        });
  const fresh = prepared.flatMap((one) =>
    stored.has(one.id) && !isBroken(one.endpoint) ? [{ endpoint: one.endpoint, claimed: toFresh(one) }] : [],
  );
  return stored.size < prepared.length ? [...fresh, ...(await resume(deps, prepared, claim))] : fresh;
}

const endpointsOf = (prepared: readonly Prepared[]) => [...new Set(prepared.map(({ endpoint }) => endpoint))];

/** Returns the columns of a new delivery. */
export function toRow({ vault }: Pick<WebhookDeps, "vault">, { id, event, body, endpoint }: Prepared) {
  const isFirst = endpoint.id === endpoint.instanceId;
  return {
    id,
    instance_id: event.instanceId,
    endpoint_id: isFirst ? null : endpoint.id,
    event_id: event.id,
    event_seq: event.seq,
    event_type: event.type,
    correlation_id: event.correlationId,
    url: isFirst ? endpoint.url : null,
    endpoint_url: isFirst ? null : endpoint.url,
    body: event.type === "connection.qr" ? sealBody(vault, id, body) : body,
  };
}

/** The columns of `toRow`, as `jsonb_to_recordset` needs them. */
export const rowColumns = (sql: postgres.ISql) => sql`
  id uuid, instance_id uuid, endpoint_id uuid, event_id uuid, event_seq bigint, event_type text, correlation_id text,
  url text, endpoint_url text, body text`;

/** Returns the ids of the deliveries that were stored and claimed. */
async function insert(
  deps: WebhookDeps,
  sql: postgres.ISql,
  prepared: readonly Prepared[],
  { lease, until, begun, waitsForLocks }: Claim,
): Promise<Set<string>> {
  const now = deps.clock.now();
  const brokenUntil = new Date(now.getTime() + unusablePauseMs);
  const rows = prepared.map((one) => ({
    ...toRow(deps, one),
    broken: isBroken(one.endpoint),
    begun: one.id === begun,
  }));
  // Passed as arrays, so that the planner uses indexes: it can't estimate the number of rows in JSON.
  const endpoints = endpointsOf(prepared).map(({ id }) => id);
  const instances = [...new Set(rows.map((row) => row.instance_id))];
  // The lock keeps a backlog from ending between this read and the insert. The order keeps two workers that insert the same
  // deliveries from a deadlock.
  const stored = await sql<{ id: string; attempt: boolean }[]>`
    with d as materialized (
      select t.* from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(${rowColumns(sql)}, broken boolean,
        begun boolean), ${lockTimeout(sql, waitsForLocks ? undefined : lockWaitMs)}
    ), backlog as materialized (
      select endpoint_id from endpoint_breakers
      where endpoint_id = any(${someIds(sql, endpoints)}) and state <> 'failing' order by endpoint_id for share
    )
    insert into deliveries (id, instance_id, endpoint_id, event_id, event_seq, event_type, correlation_id, url,
      endpoint_url, body, next_at, claimed_by, created_at)
    select d.id, i.id, d.endpoint_id, d.event_id, d.event_seq, d.event_type, d.correlation_id, d.url, d.endpoint_url,
      d.body,
      case when backlog.endpoint_id is not null then 'infinity' when d.broken then ${brokenUntil.toISOString()}::timestamptz
        else ${until.toISOString()}::timestamptz end,
      case when backlog.endpoint_id is null and not d.broken then ${lease.id}::uuid end, ${now.toISOString()}::timestamptz
    from d join instances i on i.id = d.instance_id and i.id = any(${someIds(sql, instances)})
      left join backlog on backlog.endpoint_id = ${endpointOf(sql)} and not d.begun
    order by d.event_id, d.endpoint_id
    on conflict do nothing
    returning id, claimed_by is not null as attempt`;
  return new Set(stored.flatMap((row) => (row.attempt ? [row.id] : [])));
}

/**
 * Claims the stored deliveries of these events whose workers died or lost their leases. Without this, they would wait
 * for `retryDeliveries`, which on AWS runs once a minute. Deliveries to an endpoint with a backlog are left to
 * `retryDeliveries`, which keeps the order of the backlog.
 */
async function resume(deps: WebhookDeps, prepared: readonly Prepared[], { lease, until }: Claim): Promise<ToAttempt[]> {
  const { sql } = deps.db;
  const endpoints = new Map(prepared.map(({ endpoint }) => [endpoint.id, endpoint]));
  const events = prepared.map(({ event }) => event.id);
  const rows = await sql<(ClaimedRow & { endpoint_id: string })[]>`
    update deliveries d set next_at = ${until.toISOString()}::timestamptz, claimed_by = ${lease.id} where id in (
      select id from deliveries d
      where event_id = any(${someIds(sql, events)}) and status = 'pending' and ${claimHasEnded(sql, sql`d.claimed_by`)}
        and ${endpointOf(sql)} = any(${someIds(sql, [...endpoints.keys()])}) and ${leaseHolds(sql, lease)}
        and not exists (
          select from endpoint_breakers b where b.endpoint_id = ${endpointOf(sql)} and b.state <> 'failing')
      for update skip locked)
    returning ${claimedColumns(sql)}, ${endpointOf(sql)} as endpoint_id`;
  return rows.sort(byEvent).flatMap((row) => {
    const endpoint = endpoints.get(row.endpoint_id);
    return endpoint && !isBroken(endpoint) ? [{ endpoint, claimed: toClaimed(row) }] : [];
  });
}
