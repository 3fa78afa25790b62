import { sql as statement } from "drizzle-orm";
import type postgres from "postgres";
import { pauseAfter } from "../../backoff.ts";
import { type ClaimLease, leaseHolds } from "../../db/claim-lease.ts";
import { type Database, storableJson } from "../../db/index.ts";
import { appendEvents } from "../../event/append.ts";
import { type BatchResult, parkedAfter, release, type WebhookDeps } from "./batch.ts";
import { type Breaker, healthy, type Target } from "./endpoint.ts";
import { endpointOf, targets } from "./target.ts";

/**
 * Maximum number of deliveries per second to an endpoint whose backlog drains: more than a busy account produces, so
 * that the backlog shrinks, and few enough for a small server.
 */
export const drainPerSecond = 100;
/** A webhook is switched off after this many milliseconds without a success. Svix also gives up after 5 days. */
const disableAfterMs = 5 * 24 * 60 * 60 * 1000;
/** Number of deliveries at the head of a backlog that one statement examines. */
export const scannedAtHead = 1_000;

/*
 * A transaction that adds a delivery to a backlog (`next_at = 'infinity'`) locks the endpoint's row until it commits.
 * A transaction that deletes the row locks it first and then checks that the backlog is empty. This ensures that every
 * backlog has a row.
 */

/**
 * Records the result of a batch for an endpoint without a backlog. Does nothing if the lease of the batch has ended,
 * because another worker serves the endpoint by then. After `parkedAfter` consecutive failures the
 * endpoint is parked, and its unattempted and failed deliveries move to its backlog. If the endpoint is not parked,
 * unattempted deliveries are due at once; those of a slow endpoint move to its backlog.
 */
export async function recordBatchResult(
  deps: WebhookDeps,
  lease: ClaimLease,
  endpoint: Target,
  result: BatchResult,
): Promise<void> {
  const { id, instanceId, url } = endpoint;
  if (result.failures === 0) {
    await giveBack(deps, lease, endpoint, result);
    if (endpoint.breaker.state !== "failing") return;
    await deps.db.sql`
      delete from endpoint_breakers
      where endpoint_id = ${id} and url = ${url} and state = 'failing' and ${leaseHolds(deps.db.sql, lease)}`;
    return;
  }
  const parks = result.failures >= parkedAfter;
  const state = parks ? "parked" : "failing";
  const now = deps.clock.now();
  const nextAt = parks ? probeAt(deps, endpoint, result.failures) : now;
  const since = (result.failingSince ?? now).toISOString();
  await deps.db.sql.begin(async (sql) => {
    // If another worker has parked the endpoint meanwhile, the row keeps its values. The row is locked either way.
    const [row] = await sql<{ state: string }[]>`
      insert into endpoint_breakers as b (endpoint_id, url, state, failures, failing_since, next_at)
      select t.endpoint_id, ${url}, ${state}, ${result.failures}, ${since}::timestamptz, ${nextAt.toISOString()}::timestamptz
      from ${targets(sql)} t where t.endpoint_id = ${id} and ${leaseHolds(sql, lease)}
      on conflict (endpoint_id) do update set
        url = case when b.state = 'failing' then excluded.url else b.url end,
        state = case when b.state = 'failing' then excluded.state else b.state end,
        failures = case when b.state = 'failing' then excluded.failures else b.failures end,
        failing_since = case when b.state = 'failing' then excluded.failing_since else b.failing_since end,
        next_at = case when b.state = 'failing' then excluded.next_at else b.next_at end
      returning b.state`;
    if (!parks || !row) return;
    await moveToBacklog(sql, lease, result.untried);
    // Deliveries that failed in earlier batches also move. Until now, each of these deliveries had its own retry time.
    await sql`
      update deliveries d set next_at = 'infinity'
      where ${endpointOf(sql)} = ${id} and status = 'pending' and claimed_by is null
        and first_failed_at >= ${since}::timestamptz`;
  });
  if (!parks) await giveBack(deps, lease, endpoint, result);
  else deps.log.warn({ instanceId, endpointId: id, failures: result.failures, nextAt }, "parked a webhook endpoint");
}

async function giveBack(
  deps: WebhookDeps,
  lease: ClaimLease,
  { id }: Target,
  { untried, yielded }: BatchResult,
): Promise<void> {
  if (!yielded) return await release(deps, lease, untried);
  await deps.db.sql.begin(async (sql) => {
    await openBacklogs(sql, [id], deps.clock.now());
    await moveToBacklog(sql, lease, untried);
  });
}

/**
 * The first probe follows after `retryInterval`. Each later pause is twice as long as the pause before, up to an hour
 * (`pauseAfter`).
 */
function probeAt(deps: WebhookDeps, endpoint: Target, failures: number): Date {
  const pause = pauseAfter(failures - parkedAfter + 1, endpoint.retryInterval, deps.random);
  return new Date(deps.clock.now().getTime() + pause);
}

/** Moves deliveries to the backlog, except those that another worker has claimed. */
async function moveToBacklog(sql: postgres.ISql, lease: ClaimLease, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length === 0) return;
  await sql`
    update deliveries set next_at = 'infinity', claimed_by = null
    where id = any(${deliveryIds as string[]}::uuid[]) and status = 'pending'
      and (claimed_by is null or claimed_by = ${lease.id})`;
}

/** The result of one pass over a backlog. */
export interface BacklogPass extends BatchResult {
  /** When the pass began. The drain rate is counted from this time. */
  startedAt: Date;
  /** The lease under which this worker has claimed the backlog. */
  lease: ClaimLease;
}

/**
 * Ends a pass over a backlog: schedules the next pass, removes the row when the backlog is empty, and switches the
 * webhook off after days without a success. If another worker has claimed the backlog because this worker's lease has
 * ended or this pass took too long, the endpoint's row stays unchanged.
 */
export async function finishPass(deps: WebhookDeps, endpoint: Target, pass: BacklogPass): Promise<void> {
  const { id, url } = endpoint;
  const remaining = [...pass.untried, ...pass.failed];
  await deps.db.sql.begin(async (sql) => {
    const [row] = await sql<{ still_claimed: boolean; failing_since: Date }[]>`
      select coalesce(claimed_by = ${pass.lease.id} and url = ${url}, false) as still_claimed, failing_since
      from endpoint_breakers where endpoint_id = ${id} for update`;
    if (!row) return;
    if (pass.failures === 0 && endpoint.breaker.state === "parked") {
      // The endpoint was at fault for everything that failed while it was parked.
      await sql`
        update deliveries set tries = 0, first_failed_at = null where id in (
          select id from (
            select id, first_failed_at from deliveries d
            where ${endpointOf(sql)} = ${id} and status = 'pending' and next_at = 'infinity'
            order by event_seq limit ${scannedAtHead}
          ) head where first_failed_at >= ${row.failing_since.toISOString()}::timestamptz)`;
    }
    await moveToBacklog(sql, pass.lease, remaining);
    if (!row.still_claimed) return;
    const next = await nextBreaker(sql, deps, endpoint, pass);
    if (!next) {
      await sql`delete from endpoint_breakers where endpoint_id = ${id}`;
      return;
    }
    const since = (pass.failingSince ?? deps.clock.now()).toISOString();
    await sql`
      update endpoint_breakers set state = ${next.state}, failures = ${next.failures},
        failing_since = ${since}::timestamptz, next_at = ${next.nextAt.toISOString()}::timestamptz, claimed_by = null
      where endpoint_id = ${id}`;
    if (next.state === "parked") await disableAfterDays(sql, deps, endpoint, pass);
  });
}

async function nextBreaker(
  sql: postgres.ISql,
  deps: WebhookDeps,
  endpoint: Target,
  pass: BacklogPass,
): Promise<{ state: "failing" | "parked" | "draining"; failures: number; nextAt: Date } | undefined> {
  const { failures } = pass;
  const [waiting] = await sql`
    select 1 from deliveries d
    where ${endpointOf(sql)} = ${endpoint.id} and status = 'pending' and next_at = 'infinity' limit 1`;
  const now = deps.clock.now();
  if (!waiting) {
    // The next event is attempted directly. If it fails, the endpoint is parked again.
    return failures === 0
      ? undefined
      : { state: "failing", failures: Math.min(failures, parkedAfter - 1), nextAt: now };
  }
  if (failures >= parkedAfter) return { state: "parked", failures, nextAt: probeAt(deps, endpoint, failures) };
  const paced = pass.startedAt.getTime() + (pass.tried * 1000) / drainPerSecond;
  return { state: "draining", failures, nextAt: new Date(Math.max(paced, now.getTime())) };
}

/**
 * Switches the webhook off if it has had no success for `disableAfterMs`. `giveUpDisabled` then fails its deliveries.
 */
async function disableAfterDays(
  sql: postgres.TransactionSql,
  deps: WebhookDeps,
  endpoint: Target,
  { failingSince, failures }: BacklogPass,
): Promise<void> {
  const at = deps.clock.now();
  if (!failingSince || at.getTime() - failingSince.getTime() < disableAfterMs) return;
  const { id, instanceId, url } = endpoint;
  const now = at.toISOString();
  const disabled =
    id === instanceId
      ? await sql`
          update instances set webhook_enabled = false, updated_at = ${now}::timestamptz
          where id = ${id} and webhook_enabled and webhook_url = ${url} and deleted_at is null`
      : await sql`
          update webhooks set enabled = false, updated_at = ${now}::timestamptz
          where id = ${id} and enabled and url = ${url}`;
  if (disabled.count === 0) return;
  const data = { endpointId: id, url, failingSince: failingSince.toISOString(), failures };
  await sql`
    insert into activities (id, instance_id, action, details, created_at)
    values (${deps.ids.uuid()}, ${instanceId}, 'webhook_disabled', ${storableJson(data)}::text::jsonb,
      ${now}::timestamptz)`;
  await appendEvents(sql, [{ id: deps.ids.uuid(), instanceId, at, type: "webhook.disabled", data }]);
  deps.log.warn(
    { instanceId, endpointId: id, failingSince },
    "switched off a webhook whose endpoint has failed for days",
  );
}

/** Maximum number of deliveries that one statement fails. */
const maxGivenUp = 10_000;

/**
 * Fails the pending deliveries to endpoints that are switched off or removed, and deletes the state of these endpoints.
 * Users can replay the deliveries.
 */
export async function giveUpDisabled(deps: WebhookDeps): Promise<void> {
  const { sql } = deps.db;
  const disabled = await sql<{ endpoint_id: string }[]>`
    select b.endpoint_id from endpoint_breakers b left join ${targets(sql)} t on t.endpoint_id = b.endpoint_id
    where ${isOff(sql)}`;
  for (const { endpoint_id } of disabled) {
    while ((await giveUpSome(deps, endpoint_id)) === maxGivenUp);
  }
  await sql`
    delete from endpoint_paces p
    where not exists (select from ${targets(sql)} t where t.endpoint_id = p.endpoint_id)`;
}

/** Whether the endpoint in the row `t`, which may be absent, gets no deliveries. */
export const isOff = (sql: postgres.ISql) => sql`(t.endpoint_id is null or not t.enabled or t.url is null)`;

function giveUpSome(deps: WebhookDeps, endpointId: string): Promise<number> {
  return deps.db.sql.begin(async (sql) => {
    // While this row is locked, no delivery joins the backlog. The endpoint must still be off.
    const [row] = await sql`
      select 1 from endpoint_breakers b left join ${targets(sql)} t on t.endpoint_id = b.endpoint_id
      where b.endpoint_id = ${endpointId} and ${isOff(sql)} for update of b`;
    if (!row) return 0;
    const failed = await sql`
      update deliveries set status = 'failed', reason = 'disabled',
        finished_at = ${deps.clock.now().toISOString()}::timestamptz
      where id in (
        select id from deliveries d
        where ${endpointOf(sql)} = ${endpointId} and status = 'pending' order by id limit ${maxGivenUp}
        for update)`;
    if (failed.count > 0)
      deps.log.warn({ endpointId, deliveries: failed.count }, "gave up on the deliveries of a disabled webhook");
    if (failed.count < maxGivenUp) await sql`delete from endpoint_breakers where endpoint_id = ${endpointId}`;
    return failed.count;
  });
}

/**
 * Resets the breakers of endpoints after their user has changed them or switched them on again. Their backlogs are due
 * at once, and drain in order at the usual rate.
 */
export async function resetBreakers(
  orm: Pick<Database["orm"], "execute">,
  endpointIds: readonly string[],
  now: Date,
): Promise<void> {
  const at = now.toISOString();
  await orm.execute(statement`
    with ids as (
      select id::uuid as id from jsonb_array_elements_text(${JSON.stringify(endpointIds)}::text::jsonb) as each(id)
    ), gone as (delete from endpoint_breakers where endpoint_id in (select id from ids) and state = 'failing')
    update endpoint_breakers set state = 'draining', failures = 0, failing_since = ${at}::timestamptz,
      next_at = ${at}::timestamptz, claimed_by = null
    where endpoint_id in (select id from ids) and state <> 'failing'`);
}

/**
 * Creates the rows of the backlogs of some endpoints if they do not exist, and locks the rows in a fixed order. A parked
 * or draining endpoint keeps its state. Skips endpoints without a URL.
 */
export async function openBacklogs(sql: postgres.ISql, endpointIds: readonly string[], now: Date): Promise<void> {
  const at = now.toISOString();
  await sql`
    insert into endpoint_breakers as b (endpoint_id, url, state, failures, failing_since, next_at)
    select t.endpoint_id, t.url, 'draining', 0, ${at}::timestamptz, ${at}::timestamptz
    from ${targets(sql)} t
    where t.endpoint_id = any(${endpointIds as string[]}::uuid[]) and t.url is not null order by t.endpoint_id
    on conflict (endpoint_id) do update set state = case when b.state = 'failing' then 'draining' else b.state end`;
}

/**
 * Opens the backlog of an endpoint without one, and claims it until `until`. New deliveries to the endpoint then wait
 * until the worker that has the lease ends its batch with `finishPass`. Returns whether the worker has the claim; if not,
 * the endpoint has a backlog that another worker serves, or no longer exists.
 */
export async function holdBacklog(
  { db: { sql }, clock }: WebhookDeps,
  lease: ClaimLease,
  endpointId: string,
  until: Date,
): Promise<boolean> {
  const held = await sql`
    insert into endpoint_breakers as b (endpoint_id, url, state, failures, failing_since, next_at, claimed_by)
    select t.endpoint_id, t.url, 'draining', 0, ${clock.now().toISOString()}::timestamptz,
      ${until.toISOString()}::timestamptz, ${lease.id}
    from ${targets(sql)} t where t.endpoint_id = ${endpointId} and t.url is not null and ${leaseHolds(sql, lease)}
    on conflict (endpoint_id) do update set state = 'draining', next_at = excluded.next_at, claimed_by = excluded.claimed_by
      where b.state = 'failing' or (b.state = 'draining' and b.claimed_by is null)`;
  return held.count > 0;
}

/** Returns the breaker of an endpoint whose backlog has ended since the breaker was loaded. */
export const withoutBacklog = (breaker: Breaker): Breaker => (breaker.state === "failing" ? breaker : healthy);
