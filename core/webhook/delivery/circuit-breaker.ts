import { sql as statement } from "drizzle-orm";
import type postgres from "postgres";
import { pauseAfter } from "../../backoff.ts";
import { type Database, storableJson } from "../../db/index.ts";
import { appendEvents } from "../../event/append.ts";
import { type GroupResult, parkedAfter, release, type WebhookDeps } from "./batch.ts";
import { type Health, healthy, type Target } from "./endpoint.ts";

/**
 * Deliveries to one endpoint each second while what waited is worked off: more than a busy account has in a second, so that the
 * line gets shorter, and no more than a small server can take.
 */
export const drainPerSecond = 100;
/** An endpoint where nothing has succeeded for so long is switched off. Svix gives up after 5 days as well. */
export const disableAfterMs = 5 * 24 * 60 * 60 * 1000;
/** How many of the line are looked at for those that the endpoint was to blame for: they stand at its head. */
const headOfLine = 1_000;

/*
 * Who puts a delivery in line (`next_at = 'infinity'`) holds a lock on the endpoint's row until that is committed, and who
 * takes the row away locks it first and then looks whether anything stands in line: nothing can be left behind in one.
 */

/**
 * Takes note of how an endpoint fared that has no line. After three failures in a row it is parked, and what was not
 * tried, or has failed since the last success, stands in its line. What was not tried for another reason is due at once.
 */
export async function noteGroup(deps: WebhookDeps, endpoint: Target, result: GroupResult): Promise<void> {
  const { instanceId, url } = endpoint;
  if (result.failures === 0) {
    await release(deps, result.untried);
    if (endpoint.health.state !== "failing") return;
    await deps.db.sql`
      delete from webhook_endpoints where instance_id = ${instanceId} and url = ${url} and state = 'failing'`;
    return;
  }
  const parks = result.failures >= parkedAfter;
  const state = parks ? "parked" : "failing";
  const now = deps.clock.now();
  const nextAt = parks ? probeAt(deps, endpoint, result.failures) : now;
  const since = (result.failingSince ?? now).toISOString();
  await deps.db.sql.begin(async (sql) => {
    // One that was parked meanwhile by another worker stays as it is. The row is locked either way.
    const [row] = await sql<{ state: string }[]>`
      insert into webhook_endpoints as w (instance_id, url, state, failures, failing_since, next_at)
      select id, ${url}, ${state}, ${result.failures}, ${since}::timestamptz, ${nextAt.toISOString()}::timestamptz
      from instances where id = ${instanceId}
      on conflict (instance_id) do update set
        url = case when w.state = 'failing' then excluded.url else w.url end,
        state = case when w.state = 'failing' then excluded.state else w.state end,
        failures = case when w.state = 'failing' then excluded.failures else w.failures end,
        failing_since = case when w.state = 'failing' then excluded.failing_since else w.failing_since end,
        next_at = case when w.state = 'failing' then excluded.next_at else w.next_at end
      returning w.state`;
    if (!parks || !row) return;
    await standInLine(sql, result.untried);
    // Those that failed in earlier batches too: each has a pause of its own until now.
    await sql`
      update deliveries set next_at = 'infinity'
      where instance_id = ${instanceId} and status = 'pending' and first_failed_at >= ${since}::timestamptz`;
  });
  if (!parks) await release(deps, result.untried);
  else deps.log.warn({ instanceId, failures: result.failures, nextAt }, "a webhook endpoint is parked");
}

/** The first probe comes after `retryInterval`, the next after twice that, … */
function probeAt(deps: WebhookDeps, endpoint: Target, failures: number): Date {
  const pause = pauseAfter(failures - parkedAfter + 1, endpoint.retryInterval, deps.random);
  return new Date(deps.clock.now().getTime() + pause);
}

async function standInLine(sql: postgres.ISql, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length === 0) return;
  await sql`
    update deliveries set next_at = 'infinity' where id = any(${deliveryIds as string[]}::uuid[]) and status = 'pending'`;
}

/** What one turn at a line has shown. */
export interface Turn extends GroupResult {
  /** When it began: the rate is counted from there. */
  startedAt: Date;
  /** Until when this worker has the line. */
  claimedUntil: Date;
}

/**
 * Ends a turn at a line: gives it back with the time of its next turn, takes the row away when nothing stands in line any
 * more, and switches the webhook off after days without a success.
 * A worker that was so slow that another has the line meanwhile changes nothing of the endpoint.
 */
export async function endTurn(deps: WebhookDeps, endpoint: Target, turn: Turn): Promise<void> {
  const { instanceId, url } = endpoint;
  const left = [...turn.untried, ...turn.failed];
  await deps.db.sql.begin(async (sql) => {
    const [row] = await sql<{ mine: boolean; failing_since: Date }[]>`
      select next_at = ${turn.claimedUntil.toISOString()}::timestamptz and url = ${url} as mine, failing_since
      from webhook_endpoints where instance_id = ${instanceId} for update`;
    if (!row) return;
    if (turn.failures === 0 && endpoint.health.state === "parked") {
      // Whatever failed while it was away, the endpoint was to blame for.
      await sql`
        update deliveries set tries = 0, first_failed_at = null where id in (
          select id from (
            select id, first_failed_at from deliveries
            where instance_id = ${instanceId} and status = 'pending' and next_at = 'infinity'
            order by event_seq limit ${headOfLine}
          ) head where first_failed_at >= ${row.failing_since.toISOString()}::timestamptz)`;
    }
    await standInLine(sql, left);
    if (!row.mine) return;
    const health = await nextHealth(sql, deps, endpoint, turn);
    if (!health) {
      await sql`delete from webhook_endpoints where instance_id = ${instanceId}`;
      return;
    }
    const since = (turn.failingSince ?? deps.clock.now()).toISOString();
    await sql`
      update webhook_endpoints set state = ${health.state}, failures = ${health.failures},
        failing_since = ${since}::timestamptz, next_at = ${health.nextAt.toISOString()}::timestamptz
      where instance_id = ${instanceId}`;
    if (health.state === "parked") await disableAfterDays(sql, deps, endpoint, turn);
  });
}

async function nextHealth(
  sql: postgres.ISql,
  deps: WebhookDeps,
  endpoint: Target,
  turn: Turn,
): Promise<{ state: "failing" | "parked" | "draining"; failures: number; nextAt: Date } | undefined> {
  const { failures } = turn;
  const [waiting] = await sql`
    select 1 from deliveries
    where instance_id = ${endpoint.instanceId} and status = 'pending' and next_at = 'infinity' limit 1`;
  const now = deps.clock.now();
  if (!waiting) {
    // The next event is a try of its own, which parks again at once if it fails.
    return failures === 0
      ? undefined
      : { state: "failing", failures: Math.min(failures, parkedAfter - 1), nextAt: now };
  }
  if (failures >= parkedAfter) return { state: "parked", failures, nextAt: probeAt(deps, endpoint, failures) };
  const paced = turn.startedAt.getTime() + (turn.tried * 1000) / drainPerSecond;
  return { state: "draining", failures, nextAt: new Date(Math.max(paced, now.getTime())) };
}

/** What waits is given up by `giveUpDisabled`, and can be replayed. */
async function disableAfterDays(
  sql: postgres.TransactionSql,
  deps: WebhookDeps,
  endpoint: Target,
  { failingSince, failures }: Turn,
): Promise<void> {
  const at = deps.clock.now();
  if (!failingSince || at.getTime() - failingSince.getTime() < disableAfterMs) return;
  const { instanceId, url } = endpoint;
  const disabled = await sql`
    update instances set webhook_enabled = false, updated_at = ${at.toISOString()}::timestamptz
    where id = ${instanceId} and webhook_enabled and webhook_url = ${url} and deleted_at is null returning id`;
  if (disabled.length === 0) return;
  const data = { url, failingSince: failingSince.toISOString(), failures };
  await sql`
    insert into activities (id, instance_id, action, details, created_at)
    values (${deps.ids.uuid()}, ${instanceId}, 'webhook_disabled', ${storableJson(data)}::text::jsonb,
      ${at.toISOString()}::timestamptz)`;
  await appendEvents(sql, [{ id: deps.ids.uuid(), instanceId, at, type: "webhook.disabled", data }]);
  deps.log.warn({ instanceId, failingSince }, "a webhook was switched off: its endpoint has failed for days");
}

/** Of one statement that gives up what waits. */
const maxGivenUp = 10_000;

/** What waits for a webhook that is switched off or gone, and has a line, has failed. */
export async function giveUpDisabled(deps: WebhookDeps): Promise<void> {
  const off = await deps.db.sql<{ instance_id: string }[]>`
    select w.instance_id from webhook_endpoints w join instances i on i.id = w.instance_id
    where not i.webhook_enabled or i.webhook_url is null`;
  for (const { instance_id } of off) {
    while ((await giveUpSome(deps, instance_id)) === maxGivenUp);
  }
}

function giveUpSome(deps: WebhookDeps, instanceId: string): Promise<number> {
  return deps.db.sql.begin(async (sql) => {
    // Nobody stands in line while the row is locked, and nobody has switched the webhook on meanwhile.
    const [row] = await sql`
      select 1 from webhook_endpoints w join instances i on i.id = w.instance_id
      where w.instance_id = ${instanceId} and (not i.webhook_enabled or i.webhook_url is null) for update of w`;
    if (!row) return 0;
    const given = await sql`
      update deliveries set status = 'failed', reason = 'disabled',
        finished_at = ${deps.clock.now().toISOString()}::timestamptz
      where id in (
        select id from deliveries where instance_id = ${instanceId} and status = 'pending' order by id limit ${maxGivenUp}
        for update)`;
    if (given.count > 0) deps.log.warn({ instanceId, deliveries: given.count }, "deliveries were given up");
    if (given.count < maxGivenUp) await sql`delete from webhook_endpoints where instance_id = ${instanceId}`;
    return given.count;
  });
}

/**
 * Forgets how an endpoint fared, as when its user has changed it or switched it on again: what stands in line is tried at
 * once, in order and at the rate of any drain.
 */
export async function forgetHealth(orm: Database["orm"], instanceId: string, now: Date): Promise<void> {
  const at = now.toISOString();
  await orm.execute(statement`
    with gone as (delete from webhook_endpoints where instance_id = ${instanceId} and state = 'failing')
    update webhook_endpoints set state = 'draining', failures = 0, failing_since = ${at}::timestamptz,
      next_at = ${at}::timestamptz
    where instance_id = ${instanceId} and state <> 'failing'`);
}

/** Makes sure that there is a line to stand in, and locks it. One that is parked or being drained stays as it is. */
export async function openLine(sql: postgres.ISql, instanceId: string, url: string, now: Date): Promise<void> {
  const at = now.toISOString();
  await sql`
    insert into webhook_endpoints as w (instance_id, url, state, failures, failing_since, next_at)
    values (${instanceId}, ${url}, 'draining', 0, ${at}::timestamptz, ${at}::timestamptz)
    on conflict (instance_id) do update set state = case when w.state = 'failing' then 'draining' else w.state end`;
}

/** The health of one that has no line, whatever was loaded before: the line has ended since. */
export const withoutLine = (health: Health): Health => (health.state === "failing" ? health : healthy);
