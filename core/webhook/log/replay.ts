import type postgres from "postgres";
import type { Clock } from "../../clock.ts";
import type { Database } from "../../db/index.ts";
import { AppError } from "../../error.ts";
import { isUuid } from "../../id.ts";
import type { Instance } from "../../instance/index.ts";
import { eventTypesOf } from "../body/name.ts";
import { openBacklogs } from "../delivery/circuit-breaker.ts";
import { endpointOf, targets } from "../delivery/target.ts";

interface ReplayDeps {
  db: Database;
  clock: Clock;
}

/** Maximum number of deliveries that one call replays. */
export const maxReplayed = 10_000;

/**
 * Returns the endpoints of an instance that get deliveries, or only `endpointId`. Throws `webhook_disabled` if there are
 * none.
 */
async function openEndpoints(sql: postgres.ISql, instanceId: string, endpointId?: string): Promise<string[]> {
  const rows = await sql<{ endpoint_id: string }[]>`
    select t.endpoint_id from ${targets(sql)} t
    where t.instance_id = ${instanceId} and t.enabled and t.url is not null
      ${endpointId === undefined ? sql`` : sql`and t.endpoint_id = ${endpointId}`}`;
  if (rows.length > 0) return rows.map((row) => row.endpoint_id);
  throw new AppError("webhook_disabled", "switch on the webhook first");
}

/**
 * Moves finished deliveries back to the backlog, with the same ids and bodies. They go to the current URL of their endpoint,
 * at the usual rate, in the order of their events. New events join the backlog behind these deliveries. Retries are
 * counted from zero. The log keeps all attempts.
 */
async function requeueDeliveries(sql: postgres.ISql, ids: readonly string[]): Promise<number> {
  const moved = await sql`
    update deliveries set status = 'pending', next_at = 'infinity', claimed_by = null, tries = 0, first_failed_at = null, finished_at = null,
      reason = null
    where id = any(${ids as string[]}::uuid[]) and status <> 'pending'`;
  return moved.count;
}

/**
 * Sends one delivery again. Does nothing if the delivery is pending. Throws `delivery_not_found` and
 * `webhook_disabled`.
 */
export async function replayDelivery(deps: ReplayDeps, instance: Instance, deliveryId: string): Promise<void> {
  await deps.db.sql.begin(async (sql) => {
    const [found] = isUuid(deliveryId)
      ? await sql<{ endpoint_id: string }[]>`
          select ${endpointOf(sql)} as endpoint_id from deliveries d
          where id = ${deliveryId} and instance_id = ${instance.id}`
      : [];
    if (!found) throw new AppError("delivery_not_found");
    await openBacklogs(sql, await openEndpoints(sql, instance.id, found.endpoint_id), deps.clock.now());
    await requeueDeliveries(sql, [deliveryId]);
  });
}

export interface ReplayRange {
  /** Earliest creation time, inclusive. */
  from: Date;
  /** Latest creation time, exclusive. */
  to: Date;
  /** `all` includes deliveries that succeeded. */
  status: "failed" | "all";
  /** Event names, in either dialect's spelling. All events if absent. */
  events?: string[] | undefined;
  /** Only this endpoint. All endpoints that are switched on if absent. */
  endpointId?: string | undefined;
}

/**
 * Sends the deliveries of a time range again, the oldest first, up to `maxReplayed`. `next` is the `from` of the next
 * call if there are more. Throws `webhook_disabled`.
 */
export async function replayRange(
  deps: ReplayDeps,
  instance: Instance,
  range: ReplayRange,
): Promise<{ replayed: number; next: Date | null }> {
  const statuses = range.status === "all" ? ["failed", "succeeded"] : ["failed"];
  const types = range.events?.flatMap(eventTypesOf);
  return deps.db.sql.begin(async (sql) => {
    const endpoints = await openEndpoints(sql, instance.id, range.endpointId);
    const rows = await sql<{ id: string; created_at: Date; endpoint_id: string }[]>`
      select id, created_at, ${endpointOf(sql)} as endpoint_id from deliveries d
      where instance_id = ${instance.id} and ${endpointOf(sql)} = any(${endpoints}::uuid[]) and status = any(${statuses})
        and created_at >= ${range.from.toISOString()}::timestamptz and created_at < ${range.to.toISOString()}::timestamptz
        ${types ? sql`and event_type = any(${types})` : sql``}
      order by created_at, id limit ${maxReplayed + 1}`;
    const next = rows[maxReplayed]?.created_at ?? null;
    const replayed = rows.slice(0, maxReplayed);
    if (replayed.length === 0) return { replayed: 0, next };
    const used = new Set(replayed.map((row) => row.endpoint_id));
    await openBacklogs(sql, [...used], deps.clock.now());
    const ids = replayed.map((row) => row.id);
    return { replayed: await requeueDeliveries(sql, ids), next };
  });
}
