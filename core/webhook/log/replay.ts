import type postgres from "postgres";
import type { Clock } from "../../clock.ts";
import type { Database } from "../../db/index.ts";
import { AppError } from "../../error.ts";
import { isUuid } from "../../id.ts";
import type { Instance } from "../../instance/index.ts";
import { eventTypesOf } from "../body/name.ts";
import { openBacklogs } from "../delivery/circuit-breaker.ts";

interface ReplayDeps {
  db: Database;
  clock: Clock;
}

/** Maximum number of deliveries that one call replays. */
export const maxReplayed = 10_000;

/** Throws `webhook_disabled` if the instance has no webhook URL or the webhook is switched off. */
function assertWebhook(instance: Instance): void {
  if (instance.webhookEnabled && instance.webhookUrl) return;
  throw new AppError("webhook_disabled", "switch on the webhook of the instance first");
}

/**
 * Moves finished deliveries back to the backlog, with the same ids and bodies. They go to the webhook's current URL, at
 * the usual rate, in the order of their events. New events join the backlog behind these deliveries. Retries are
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
  assertWebhook(instance);
  await deps.db.sql.begin(async (sql) => {
    const [found] = isUuid(deliveryId)
      ? await sql`select 1 from deliveries where id = ${deliveryId} and instance_id = ${instance.id}`
      : [];
    if (!found) throw new AppError("delivery_not_found");
    await openBacklogs(sql, [instance.id], deps.clock.now());
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
  assertWebhook(instance);
  const statuses = range.status === "all" ? ["failed", "succeeded"] : ["failed"];
  const types = range.events?.flatMap(eventTypesOf);
  return deps.db.sql.begin(async (sql) => {
    const rows = await sql<{ id: string; created_at: Date }[]>`
      select id, created_at from deliveries
      where instance_id = ${instance.id} and status = any(${statuses})
        and created_at >= ${range.from.toISOString()}::timestamptz and created_at < ${range.to.toISOString()}::timestamptz
        ${types ? sql`and event_type = any(${types})` : sql``}
      order by created_at, id limit ${maxReplayed + 1}`;
    const next = rows[maxReplayed]?.created_at ?? null;
    const ids = rows.slice(0, maxReplayed).map((row) => row.id);
    if (ids.length === 0) return { replayed: 0, next };
    await openBacklogs(sql, [instance.id], deps.clock.now());
    return { replayed: await requeueDeliveries(sql, ids), next };
  });
}
