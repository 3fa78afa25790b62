import { type Budget, type Claimed, hasTime, isAtFault, runGroup, tryOnce, type WebhookDeps } from "./batch.ts";
import { endTurn } from "./circuit-breaker.ts";
import type { Target } from "./endpoint.ts";
import type { Recorder } from "./record.ts";

/** A delivery that has failed so often needs not wait for the endpoint alone to be blamed. */
const suspectAfter = 3;
/** How many of the line are looked at for one that was tried less often than the others. */
const headOfLine = 1_000;

/** A line that this worker has until then. */
export interface ClaimedLine {
  instanceId: string;
  claimedUntil: Date;
  /** Deliveries that may be tried in this turn. */
  limit: number;
}

/**
 * Takes the lines that are due, those that wait longest first. The claim is a time: the line of a worker that died is due
 * again when that has passed. No two workers have a line at once.
 */
export async function claimLines(
  deps: WebhookDeps,
  options: { until: Date; except: readonly string[]; lines: number },
): Promise<string[]> {
  const now = deps.clock.now().toISOString();
  const rows = await deps.db.sql<{ instance_id: string }[]>`
    update webhook_endpoints w set next_at = ${options.until.toISOString()}::timestamptz, url = i.webhook_url,
      state = case when w.url = i.webhook_url then w.state else 'draining' end,
      failures = case when w.url = i.webhook_url then w.failures else 0 end
    from instances i
    where i.id = w.instance_id and w.instance_id in (
      select w.instance_id from webhook_endpoints w join instances i on i.id = w.instance_id
      where w.state <> 'failing' and (w.next_at <= ${now}::timestamptz or w.url <> i.webhook_url)
        and i.webhook_enabled and i.webhook_url is not null
        and w.instance_id <> all(${options.except as string[]}::uuid[])
      order by w.next_at limit ${options.lines}
      for update of w skip locked)
    returning w.instance_id`;
  return rows.map((row) => row.instance_id);
}

/** When the next line that is being drained is due, if any is; that of a webhook that is switched off never is. */
export async function nextDrain(deps: WebhookDeps, except: readonly string[]): Promise<Date | null> {
  const [row] = await deps.db.sql<{ next_at: Date | null }[]>`
    select min(w.next_at) as next_at from webhook_endpoints w join instances i on i.id = w.instance_id
    where w.state = 'draining' and i.webhook_enabled and i.webhook_url is not null
      and w.instance_id <> all(${except as string[]}::uuid[])`;
  return row?.next_at ?? null;
}

/** Of one statement that puts deliveries in line. */
const maxMoved = 10_000;

/** What is due for an endpoint that has a line stands in it. */
export async function lineUp(deps: WebhookDeps): Promise<void> {
  await deps.db.sql`
    update deliveries set next_at = 'infinity' where id in (
      select d.id from deliveries d join webhook_endpoints w on w.instance_id = d.instance_id
      where d.status = 'pending' and d.next_at <= ${deps.clock.now().toISOString()}::timestamptz and w.state <> 'failing'
      limit ${maxMoved}
      for update of d skip locked for share of w skip locked)`;
}

/** One turn at a line: a probe of an endpoint that is parked, or as many deliveries as one second has. Answers how many. */
export async function serveLine(
  deps: WebhookDeps,
  recorder: Recorder,
  endpoint: Target,
  line: ClaimedLine,
  budget: Budget,
): Promise<number> {
  const startedAt = deps.clock.now();
  const result =
    endpoint.health.state === "parked"
      ? await probe(deps, recorder, endpoint, line, budget)
      : await runGroup(deps, recorder, endpoint, await takeFirst(deps, line), budget);
  // Before the line is free again: what was done must be known to whoever has it next.
  await recorder.settled();
  await endTurn(deps, endpoint, { ...result, startedAt, claimedUntil: line.claimedUntil });
  return result.tried;
}

/**
 * Tries the oldest that waits. When that has failed often, the next that was tried least is tried right after it: if it
 * succeeds, the first is to blame and not the endpoint, and since the first failed a moment before, no order is lost.
 */
async function probe(deps: WebhookDeps, recorder: Recorder, endpoint: Target, line: ClaimedLine, budget: Budget) {
  const { failures, failingSince } = endpoint.health;
  const result = { tried: 0, untried: [] as string[], failed: [] as string[], failures, failingSince };
  const tryNext = async (delivery: Claimed | undefined): Promise<boolean> => {
    if (!delivery) return false;
    if (!hasTime(deps, budget)) {
      result.untried.push(delivery.id);
      return false;
    }
    const atFault = isAtFault(delivery, failingSince);
    const outcome = await tryOnce(deps, endpoint, delivery, { atFault, counts: atFault });
    recorder.add(outcome);
    result.tried++;
    if (outcome.succeeded) Object.assign(result, { failures: 0, failingSince: null });
    else if (outcome.verdict.status === "pending") result.failed.push(delivery.id);
    return outcome.succeeded;
  };
  const first = await takeProbe(deps, line, failingSince);
  const succeeded = await tryNext(first);
  if (succeeded || result.tried === 0) return result;
  const second =
    first && first.attempts + 1 >= suspectAfter && line.limit > 1 ? await takeLeastTried(deps, line) : undefined;
  if (!(await tryNext(second))) {
    result.failures = failures + 1;
    result.failingSince = failingSince ?? deps.clock.now();
  }
  return result;
}

interface Row {
  id: string;
  event_seq: number;
  event_type: string;
  correlation_id: string | null;
  body: string;
  attempts: number;
  tries: number;
  first_failed_at: Date | null;
}

export const toClaimed = (row: Row): Claimed => ({
  id: row.id,
  eventType: row.event_type,
  correlationId: row.correlation_id,
  body: row.body,
  attempts: row.attempts,
  tries: row.tries,
  firstFailedAt: row.first_failed_at,
});

async function takeFirst(deps: WebhookDeps, line: ClaimedLine): Promise<Claimed[]> {
  const rows = await deps.db.sql<Row[]>`
    update deliveries d set next_at = ${line.claimedUntil.toISOString()}::timestamptz where d.id in (
      select id from deliveries
      where instance_id = ${line.instanceId} and status = 'pending' and next_at = 'infinity'
      order by event_seq limit ${line.limit}
      for update skip locked)
    returning d.id, d.event_seq::float8 as event_seq, d.event_type, d.correlation_id, d.body, d.attempts, d.tries, d.first_failed_at`;
  return rows.sort((a, b) => a.event_seq - b.event_seq).map(toClaimed);
}

/** The oldest that waits; one that is to blame itself only when there is no other. */
async function takeProbe(
  deps: WebhookDeps,
  line: ClaimedLine,
  failingSince: Date | null,
): Promise<Claimed | undefined> {
  const [row] = await deps.db.sql<Row[]>`
    update deliveries d set next_at = ${line.claimedUntil.toISOString()}::timestamptz where d.id = (
      select id from deliveries
      where instance_id = ${line.instanceId} and status = 'pending' and next_at = 'infinity'
        and (first_failed_at is null or first_failed_at >= ${failingSince?.toISOString() ?? null}::timestamptz)
      order by event_seq limit 1
      for update skip locked)
    returning d.id, d.event_seq::float8 as event_seq, d.event_type, d.correlation_id, d.body, d.attempts, d.tries, d.first_failed_at`;
  if (row) return toClaimed(row);
  const [any] = await takeFirst(deps, { ...line, limit: 1 });
  return any;
}

async function takeLeastTried(deps: WebhookDeps, line: ClaimedLine): Promise<Claimed | undefined> {
  const [row] = await deps.db.sql<Row[]>`
    update deliveries d set next_at = ${line.claimedUntil.toISOString()}::timestamptz where d.id = (
      select id from (
        select id, attempts, event_seq from deliveries
        where instance_id = ${line.instanceId} and status = 'pending' and next_at = 'infinity'
        order by event_seq limit ${headOfLine}
      ) head order by attempts, event_seq limit 1)
      and d.status = 'pending'
    returning d.id, d.event_seq::float8 as event_seq, d.event_type, d.correlation_id, d.body, d.attempts, d.tries, d.first_failed_at`;
  return row && toClaimed(row);
}
