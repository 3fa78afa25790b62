import type postgres from "postgres";
import { type ClaimLease, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import { documentedTypes } from "../body/name.ts";
import { attemptDelivery, type Budget, hasTime, runBatch, type WebhookDeps } from "./batch.ts";
import { finishPass, scannedAtHead } from "./circuit-breaker.ts";
import { byEvent, type Claimed, type ClaimedRow, claimedColumns, toClaimed } from "./claimed.ts";
import type { EndpointKey, Target } from "./endpoint.ts";
import { inTurn, type Shares } from "./pace.ts";
import type { AttemptRecord, Recorder } from "./record.ts";
import { endpointOf, targets } from "./target.ts";

/** After this many failed attempts, the delivery itself may be at fault, and not only its endpoint. */
const suspectAfter = 3;

/** A backlog that this worker has claimed under `lease`, until `claimedUntil` at the latest. */
export interface ClaimedBacklog {
  endpointId: string;
  lease: ClaimLease;
  claimedUntil: Date;
  /** Deliveries that this pass may attempt. */
  limit: number;
}

/**
 * Claims the backlogs that are due and returns their endpoints, fairly by user. Among the backlogs of a user,
 * the one that has waited longest is first. A claim ends when its lease ends, and at `until` at the latest, so that the
 * backlog of a worker that died becomes due again. No two workers hold a backlog at the same time.
 */
export async function claimBacklogs(
  deps: WebhookDeps,
  options: { lease: ClaimLease; until: Date; except: readonly string[]; limit: number; shares: Shares },
): Promise<EndpointKey[]> {
  const { sql } = deps.db;
  const now = deps.clock.now().toISOString();
  const isDue = sql`b.state <> 'failing' and (b.next_at <= ${now}::timestamptz or b.url <> t.url
    or ${claimHasEnded(sql, sql`b.claimed_by`)})`;
  const withTarget = sql`endpoint_breakers b join ${targets(sql)} t on t.endpoint_id = b.endpoint_id`;
  const rows = await sql<{ endpoint_id: string; instance_id: string }[]>`
    with waiting as (
      select b.endpoint_id, t.user_id, b.next_at as since from ${withTarget}
      where ${isDue} and t.enabled and t.url is not null
        and b.endpoint_id <> all(${options.except as string[]}::uuid[])
    ), ${inTurn(deps, options.shares)}, taken as (
      select b.endpoint_id, t.instance_id, t.url from ${withTarget} join in_turn on in_turn.endpoint_id = b.endpoint_id
      where ${isDue} and ${leaseHolds(sql, options.lease)}
      order by in_turn.turn limit ${options.limit}
      for update of b skip locked
    )
    update endpoint_breakers b set next_at = ${options.until.toISOString()}::timestamptz,
      claimed_by = ${options.lease.id}, url = taken.url,
      state = case when b.url = taken.url then b.state else 'draining' end,
      failures = case when b.url = taken.url then b.failures else 0 end
    from taken where taken.endpoint_id = b.endpoint_id
    returning b.endpoint_id, taken.instance_id`;
  return rows.map((row) => ({ endpointId: row.endpoint_id, instanceId: row.instance_id }));
}

/** Returns when the next draining backlog is due, or null. Backlogs of disabled webhooks are never due. */
export async function nextDrain(deps: WebhookDeps, except: readonly string[]): Promise<Date | null> {
  const { sql } = deps.db;
  const [row] = await sql<{ next_at: Date | null }[]>`
    select min(b.next_at) as next_at from endpoint_breakers b join ${targets(sql)} t on t.endpoint_id = b.endpoint_id
    where b.state = 'draining' and t.enabled and t.url is not null
      and b.endpoint_id <> all(${except as string[]}::uuid[])`;
  return row?.next_at ?? null;
}

/** Maximum number of deliveries that one statement moves. */
const maxMoved = 10_000;

/** Makes deliveries due at once whose workers died or lost their leases. Returns the number of deliveries. */
export async function freeDeliveries(deps: Pick<WebhookDeps, "db" | "clock">): Promise<number> {
  const { sql } = deps.db;
  const freed = await sql`
    update deliveries set next_at = ${deps.clock.now().toISOString()}::timestamptz, claimed_by = null where id in (
      select id from deliveries d where status = 'pending' and ${claimHasEnded(sql, sql`d.claimed_by`)}
      for update skip locked)`;
  return freed.count;
}

/** Makes backlogs due at once whose workers died or lost their leases. `claimBacklogs` also takes such backlogs. */
export async function freeBacklogs({ db, clock }: Pick<WebhookDeps, "db" | "clock">): Promise<void> {
  const { sql } = db;
  await sql`
    update endpoint_breakers b set next_at = ${clock.now().toISOString()}::timestamptz, claimed_by = null
    where ${claimHasEnded(sql, sql`b.claimed_by`)}`;
}

/** Moves due deliveries to the backlog of their endpoint, if the endpoint has a backlog. */
export async function moveDueToBacklog(deps: WebhookDeps): Promise<void> {
  const { sql } = deps.db;
  await sql`
    update deliveries set next_at = 'infinity', claimed_by = null where id in (
      select d.id from deliveries d join endpoint_breakers b on b.endpoint_id = ${endpointOf(sql)}
      where d.status = 'pending' and d.next_at <= ${deps.clock.now().toISOString()}::timestamptz and b.state <> 'failing'
      limit ${maxMoved}
      for update of d skip locked for share of b skip locked)`;
}

/**
 * Makes one pass over a backlog: probes a parked endpoint, or else attempts up to `backlog.limit` deliveries. Returns
 * the number of attempts.
 */
export async function serveBacklog(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Target,
  backlog: ClaimedBacklog,
  budget: Budget,
): Promise<number> {
  const startedAt = deps.clock.now();
  const result =
    endpoint.breaker.state === "parked"
      ? await probe(deps, recorder, endpoint, backlog, budget)
      : await runBatch(deps, recorder, endpoint, await takeFirst(deps, backlog), { budget });
  // Record the attempts before the backlog is released, so that the next worker sees them.
  await recorder.settled();
  await finishPass(deps, endpoint, { ...result, startedAt, lease: backlog.lease });
  return result.tried;
}

/**
 * Attempts the oldest delivery. If it fails and has failed often, attempts the delivery with the fewest attempts right
 * after it; if the receiver refuses its type of event, attempts the oldest of another type. If the second delivery
 * succeeds, the first delivery is at fault and not the endpoint. The order of events is kept, because the older delivery
 * was attempted first.
 */
async function probe(deps: WebhookDeps, recorder: Recorder, endpoint: Target, backlog: ClaimedBacklog, budget: Budget) {
  const { failures, failingSince } = endpoint.breaker;
  const result = { tried: 0, untried: [] as string[], failed: [] as string[], failures, failingSince };
  const tryNext = async (delivery: Claimed | undefined): Promise<AttemptRecord | undefined> => {
    if (!delivery) return;
    if (!hasTime(deps, budget, endpoint)) {
      result.untried.push(delivery.id);
      return;
    }
    const outcome = await attemptDelivery(deps, endpoint, delivery, { failingSince, counts: false });
    recorder.add(outcome);
    result.tried++;
    if (outcome.succeeded) Object.assign(result, { failures: 0, failingSince: null });
    else if (outcome.verdict.status === "pending") result.failed.push(delivery.id);
    return outcome;
  };
  const first = await takeProbe(deps, backlog, failingSince);
  const outcome = await tryNext(first);
  if (!first || !outcome || outcome.succeeded) return result;
  const isSuspect = first.attempts + 1 >= suspectAfter;
  const second =
    backlog.limit > 1 && (outcome.refused || isSuspect)
      ? await takeOther(deps, endpoint, backlog, outcome.refused)
      : undefined;
  if (!(await tryNext(second))?.succeeded) {
    result.failures = failures + 1;
    result.failingSince = failingSince ?? deps.clock.now();
  }
  return result;
}

/** Assigns a delivery (alias `d`) to the worker that has claimed the backlog. */
const assignTo = (sql: postgres.ISql, { claimedUntil, lease }: ClaimedBacklog) => sql`
  next_at = ${claimedUntil.toISOString()}::timestamptz, claimed_by = ${lease.id}`;

/** Claims the oldest deliveries of a backlog. */
async function takeFirst(deps: WebhookDeps, backlog: ClaimedBacklog): Promise<Claimed[]> {
  const rows = await deps.db.sql<ClaimedRow[]>`
    update deliveries d set ${assignTo(deps.db.sql, backlog)} where d.id in (
      select id from deliveries d
      where ${endpointOf(deps.db.sql)} = ${backlog.endpointId} and status = 'pending' and next_at = 'infinity'
      order by event_seq limit ${backlog.limit}
      for update skip locked)
    returning ${claimedColumns(deps.db.sql)}`;
  return rows.sort(byEvent).map(toClaimed);
}

/** Claims the oldest delivery that is not itself at fault, or the oldest delivery if all are at fault. */
async function takeProbe(
  deps: WebhookDeps,
  backlog: ClaimedBacklog,
  failingSince: Date | null,
): Promise<Claimed | undefined> {
  const [row] = await deps.db.sql<ClaimedRow[]>`
    update deliveries d set ${assignTo(deps.db.sql, backlog)} where d.id = (
      select id from deliveries d
      where ${endpointOf(deps.db.sql)} = ${backlog.endpointId} and status = 'pending' and next_at = 'infinity'
        and (first_failed_at is null or first_failed_at >= ${failingSince?.toISOString() ?? null}::timestamptz)
      order by event_seq limit 1
      for update skip locked)
    returning ${claimedColumns(deps.db.sql)}`;
  if (row) return toClaimed(row);
  const [oldest] = await takeFirst(deps, { ...backlog, limit: 1 });
  return oldest;
}

/**
 * Claims the delivery with the fewest attempts among the first of a backlog, or with `documented` the oldest one that the
 * receiver does not refuse because of its type (`isRefused`).
 */
async function takeOther(
  deps: WebhookDeps,
  { dialect }: Target,
  backlog: ClaimedBacklog,
  documented: boolean,
): Promise<Claimed | undefined> {
  const known = documented ? documentedTypes[dialect] : [];
  const [row] = await deps.db.sql<ClaimedRow[]>`
    update deliveries d set ${assignTo(deps.db.sql, backlog)} where d.id = (
      select id from (
        select id, attempts, event_seq, event_type from deliveries d
        where ${endpointOf(deps.db.sql)} = ${backlog.endpointId} and status = 'pending' and next_at = 'infinity'
        order by event_seq limit ${scannedAtHead}
      ) head order by event_type = any(${known as string[]}) desc, case when ${documented} then 0 else attempts end, event_seq limit 1)
      and d.status = 'pending'
    returning ${claimedColumns(deps.db.sql)}`;
  return row && toClaimed(row);
}
