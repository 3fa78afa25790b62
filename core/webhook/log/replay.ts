import type postgres from "postgres";
import type { Clock } from "../../clock.ts";
import type { Database } from "../../db/index.ts";
import { AppError } from "../../error.ts";
import { isUuid } from "../../id.ts";
import type { Instance } from "../../instance/index.ts";
import { typesNamed } from "../body/name.ts";
import { openLine } from "../delivery/circuit-breaker.ts";

interface ReplayDeps {
  db: Database;
  clock: Clock;
}

/** Of one call. */
export const maxReplayed = 10_000;

/** Throws `webhook_disabled` when there is nowhere to send anything. */
function urlOf(instance: Instance): string {
  if (instance.webhookEnabled && instance.webhookUrl) return instance.webhookUrl;
  throw new AppError("webhook_disabled", "switch the webhook of the instance on first");
}

/**
 * Puts finished deliveries in line again, under their ids and with their bodies, to go where the webhook goes now. Their
 * tries are counted anew; the log keeps all. They go at the rate of any drain and in the order of their events; what
 * happens meanwhile stands in line behind them.
 */
async function putInLine(sql: postgres.ISql, ids: readonly string[]): Promise<number> {
  const moved = await sql`
    update deliveries set status = 'pending', next_at = 'infinity', tries = 0, first_failed_at = null, finished_at = null,
      reason = null
    where id = any(${ids as string[]}::uuid[]) and status <> 'pending'`;
  return moved.count;
}

/**
 * Sends one delivery again; one that still waits is left to its turn. Throws `delivery_not_found` and `webhook_disabled`.
 */
export async function replayDelivery(deps: ReplayDeps, instance: Instance, deliveryId: string): Promise<void> {
  const url = urlOf(instance);
  await deps.db.sql.begin(async (sql) => {
    const [found] = isUuid(deliveryId)
      ? await sql`select 1 from deliveries where id = ${deliveryId} and instance_id = ${instance.id}`
      : [];
    if (!found) throw new AppError("delivery_not_found");
    await openLine(sql, instance.id, url, deps.clock.now());
    await putInLine(sql, [deliveryId]);
  });
}

export interface ReplayRange {
  /** Of deliveries that were made from this instant on … */
  from: Date;
  /** … and before this one. */
  to: Date;
  /** `all`: those that have succeeded as well. */
  status: "failed" | "all";
  /** Names of events, in either dialect's spelling; all when absent. */
  events?: string[] | undefined;
}

/**
 * Sends the deliveries of a time range again, the oldest first, at most `maxReplayed`. `next` is where another call goes on
 * when there are more. Throws `webhook_disabled`.
 */
export async function replayRange(
  deps: ReplayDeps,
  instance: Instance,
  range: ReplayRange,
): Promise<{ replayed: number; next: Date | null }> {
  const url = urlOf(instance);
  const statuses = range.status === "all" ? ["failed", "succeeded"] : ["failed"];
  const types = range.events?.flatMap(typesNamed);
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
    await openLine(sql, instance.id, url, deps.clock.now());
    return { replayed: await putInLine(sql, ids), next };
  });
}
