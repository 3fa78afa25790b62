import type postgres from "postgres";
import type { Database } from "../../db/index.ts";
import { AppError } from "../../error.ts";
import { isUuid } from "../../id.ts";
import type { Instance } from "../../instance/index.ts";
import { type PageRequest, type Pagination, paged } from "../../page.ts";
import { eventName, eventTypesOf } from "../body/name.ts";
import type { Breaker } from "../delivery/endpoint.ts";
import { isSealedBody } from "../delivery/sealed-body.ts";
import { endpointOf } from "../delivery/target.ts";

export const deliveryStatuses = ["pending", "succeeded", "failed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

export interface LoggedDelivery {
  /** The `webhook-id` that receivers see. */
  id: string;
  instanceId: string;
  /** The endpoint. The first endpoint of an instance has the id of the instance. */
  endpointId: string;
  eventId: string;
  /** The event's number within the instance. */
  sequence: number;
  /**
   * The correlation id of the event: the id of the request, queue message, or WhatsApp message or stanza that led to
   * the event, otherwise the event's own id. Null for deliveries that an earlier version created.
   */
  correlationId: string | null;
  /** The `event` field of the body. */
  event: string;
  /** The webhook URL at the time when the delivery was created. */
  url: string;
  status: DeliveryStatus;
  /**
   * `exhausted`: no retries are left. `gone`: the endpoint returned 410. `disabled`: the webhook was switched off or
   * removed.
   */
  reason: string | null;
  attempts: number;
  /** Null if the delivery is finished. */
  nextAttemptAt: Date | null;
  createdAt: Date;
  finishedAt: Date | null;
}

export interface LoggedAttempt {
  number: number;
  at: Date;
  durationMs: number;
  /** HTTP status, or null without a response. */
  status: number | null;
  error: string | null;
  /** The beginning of the response body. */
  response: string | null;
}

interface Row {
  id: string;
  instance_id: string;
  endpoint_id: string;
  event_id: string;
  sequence: number;
  event_type: string;
  correlation_id: string | null;
  url: string;
  status: DeliveryStatus;
  reason: string | null;
  attempts: number;
  next_attempt_at: Date | null;
  created_at: Date;
  finished_at: Date | null;
}

/** The properties of an instance that the log needs. */
export type LoggedInstance = Pick<Instance, "id" | "dialect">;

const toLogged = (row: Row, instance: LoggedInstance): LoggedDelivery => ({
  id: row.id,
  instanceId: row.instance_id,
  endpointId: row.endpoint_id,
  eventId: row.event_id,
  sequence: row.sequence,
  correlationId: row.correlation_id,
  event: eventName(instance.dialect, row.event_type),
  url: row.url,
  status: row.status,
  reason: row.reason,
  attempts: row.attempts,
  nextAttemptAt: row.next_attempt_at,
  createdAt: row.created_at,
  finishedAt: row.finished_at,
});

/**
 * The columns of a delivery. The next attempt of a delivery in a backlog is at the time in the row of its endpoint.
 */
const columns = (db: Database) => db.sql`
  d.id, d.instance_id, ${endpointOf(db.sql)} as endpoint_id, d.event_id, d.event_seq::float8 as sequence, d.event_type,
  d.correlation_id, coalesce(d.url, d.endpoint_url) as url, d.status, d.reason, d.attempts, d.created_at, d.finished_at,
  case when d.status <> 'pending' then null when d.next_at < 'infinity' then d.next_at
    else (select b.next_at from endpoint_breakers b where b.endpoint_id = ${endpointOf(db.sql)}) end as next_attempt_at`;

export interface DeliveryFilter {
  status?: DeliveryStatus | undefined;
  /** The `event` field of the body, in either dialect's spelling. */
  event?: string | undefined;
  endpointId?: string | undefined;
}

/** A condition that a delivery (alias `d`) goes to an endpoint. No endpoint has an id that is not a UUID. */
export const ofEndpoint = (sql: postgres.ISql, endpointId: string) =>
  isUuid(endpointId) ? sql`and ${endpointOf(sql)} = ${endpointId}` : sql`and false`;

/** Lists the deliveries of some instances together, the newest first. */
export async function listDeliveries(
  db: Database,
  instances: readonly LoggedInstance[],
  page: PageRequest & DeliveryFilter,
): Promise<{ deliveries: LoggedDelivery[]; pagination: Pagination }> {
  const known = new Map(instances.map((instance) => [instance.id, instance]));
  const ids = [...known.keys()];
  const filter = db.sql`
    ${page.status ? db.sql`and d.status = ${page.status}` : db.sql``}
    ${page.event ? db.sql`and d.event_type = any(${eventTypesOf(page.event)})` : db.sql``}
    ${page.endpointId === undefined ? db.sql`` : ofEndpoint(db.sql, page.endpointId)}
    ${page.from ? db.sql`and d.created_at >= ${page.from.toISOString()}::timestamptz` : db.sql``}
    ${page.before ? db.sql`and d.created_at < ${page.before.toISOString()}::timestamptz` : db.sql``}`;
  // Reads as many deliveries of each instance as the page could need, so that each index scan can stop early.
  const rows = await db.sql<Row[]>`
    select ${columns(db)} from unnest(${ids}::uuid[]) as i(id) cross join lateral (
      select * from deliveries d where d.instance_id = i.id ${filter}
      order by d.created_at desc, d.id desc limit ${page.skip + page.limit}::bigint
    ) d
    order by d.created_at desc, d.id desc limit ${page.limit} offset ${page.skip}`;
  const [count] = await db.sql<{ total: number }[]>`
    select count(*)::int as total from deliveries d where d.instance_id = any(${ids}::uuid[]) ${filter}`;
  const logged = rows.flatMap((row) => {
    const instance = known.get(row.instance_id);
    return instance ? [toLogged(row, instance)] : [];
  });
  const { items: deliveries, pagination } = paged(page, { items: logged }, count?.total ?? 0);
  return { deliveries, pagination };
}

/** Returns the instance of a delivery. Throws `delivery_not_found`, also when the instance is being deleted. */
export async function instanceOfDelivery(db: Database, deliveryId: string): Promise<string> {
  const [row] = isUuid(deliveryId)
    ? await db.sql<{ instance_id: string }[]>`
        select d.instance_id from deliveries d join instances i on i.id = d.instance_id
        where d.id = ${deliveryId} and i.deleted_at is null`
    : [];
  if (!row) throw new AppError("delivery_not_found");
  return row.instance_id;
}

/** Maximum number of deliveries that one call of `clearDeliveries` deletes. */
export const maxCleared = 50_000;

/**
 * Deletes finished deliveries with their attempts: `atOnce` per statement, up to `most` in total. Pending deliveries
 * stay. `more` is true if another call may find more. If the event queue delivers the event of a deleted delivery
 * again, the receiver gets the event again, with the same `eventId` and `webhook-id`.
 */
export async function clearDeliveries(
  db: Database,
  instanceIds: readonly string[],
  { atOnce, most } = { atOnce: 5_000, most: maxCleared },
): Promise<{ deleted: number; more: boolean }> {
  let deleted = 0;
  while (deleted < most) {
    const limit = Math.min(atOnce, most - deleted);
    // Locks rows in the same order as `Recorder` does. A delivery that is replayed meanwhile is pending, so it is not
    // deleted.
    const gone = await db.sql`
      with finished as materialized (
        select id from deliveries where instance_id = any(${instanceIds as string[]}::uuid[]) and status <> 'pending'
        limit ${limit}
      ), locked as (
        select id from deliveries where id in (select id from finished) and status <> 'pending' order by id for update
      )
      delete from deliveries where id in (select id from locked)`;
    deleted += gone.count;
    if (gone.count < limit) return { deleted, more: false };
  }
  return { deleted, more: true };
}

/** Maximum number of attempts that `readDelivery` returns. Replays have no limit. */
const maxAttempts = 500;

/**
 * Returns one delivery with its body and its newest attempts, at most 500. The body is null if it contains a credential, such as a QR code.
 * Throws `delivery_not_found`.
 */
export async function readDelivery(
  db: Database,
  instance: Instance,
  deliveryId: string,
): Promise<LoggedDelivery & { body: unknown; log: LoggedAttempt[] }> {
  const [row] = isUuid(deliveryId)
    ? await db.sql<(Row & { body: string })[]>`
        select ${columns(db)}, d.body from deliveries d where d.id = ${deliveryId} and d.instance_id = ${instance.id}`
    : [];
  if (!row) throw new AppError("delivery_not_found");
  const attempts = await db.sql<LoggedAttempt[]>`
    select number, at, duration_ms as "durationMs", status, error, response from attempts
    where delivery_id = ${deliveryId} order by number desc, at desc limit ${maxAttempts}`;
  const body = isSealedBody(row.body) ? null : JSON.parse(row.body);
  return { ...toLogged(row, instance), body, log: [...attempts].reverse() };
}

export interface WebhookStatus {
  enabled: boolean;
  url: string | null;
  state: Breaker["state"] | "disabled";
  /** Consecutive failures. A probe counts as one, even if it attempts two deliveries. */
  failures: number;
  failingSince: Date | null;
  /** The next probe, or the next pass over the backlog. */
  nextAttemptAt: Date | null;
  /** Deliveries that have neither succeeded nor failed. */
  waiting: number;
  /** The average response time of an endpoint that is not fast, in milliseconds. Null for a fast endpoint. */
  averageResponseMs: number | null;
}

/** Returns the state of a webhook endpoint. */
export async function readStatus(
  db: Database,
  {
    instanceId,
    endpointId,
    url,
    enabled,
  }: { instanceId: string; endpointId: string; url: string | null; enabled: boolean },
): Promise<WebhookStatus> {
  const [row] = await db.sql<
    {
      state: Breaker["state"] | null;
      failures: number;
      failing_since: Date;
      next_at: Date;
      average_ms: number | null;
      waiting: number;
    }[]
  >`
    select b.state, b.failures, b.failing_since, b.next_at, p.average_ms,
      (select count(*)::int from deliveries d
        where ${endpointOf(db.sql)} = ${endpointId} and d.instance_id = ${instanceId} and d.status = 'pending') as waiting
    from (select 1) one left join endpoint_breakers b on b.endpoint_id = ${endpointId} and b.url = ${url}
      left join endpoint_paces p on p.endpoint_id = ${endpointId} and p.url = ${url} and p.average_ms > 0`;
  const common = { waiting: row?.waiting ?? 0, averageResponseMs: row?.average_ms ?? null };
  const none = { failures: 0, failingSince: null, nextAttemptAt: null, ...common };
  if (!enabled || !url) return { enabled, url, state: "disabled", ...none };
  if (!row?.state) return { enabled, url, state: "healthy", ...none };
  return {
    enabled,
    url,
    state: row.state,
    failures: row.failures,
    failingSince: row.failures > 0 ? row.failing_since : null,
    nextAttemptAt: row.state === "failing" ? null : row.next_at,
    ...common,
  };
}
