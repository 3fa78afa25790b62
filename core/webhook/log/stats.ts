import type { Database } from "../../db/index.ts";
import type { Dialect } from "../../instance/instance.sql.ts";
import { eventName } from "../body/name.ts";
import { ofEndpoint } from "./index.ts";

export interface DeliveryCounts {
  total: number;
  succeeded: number;
  failed: number;
  /** Not attempted yet, or waiting for a retry. */
  pending: number;
}

export interface WebhookStats extends DeliveryCounts {
  /** Share of the finished deliveries that succeeded, 0 to 1. Null if no delivery is finished. */
  successRate: number | null;
  /** Average duration of all attempts, in milliseconds. Null without attempts. */
  averageDurationMs: number | null;
  /** The number of deliveries by the `event` field of their bodies. */
  byEvent: Record<string, DeliveryCounts>;
}

/** Counts the deliveries of some instances together, or only those to one of their endpoints. */
export async function readStats(
  db: Database,
  instanceIds: readonly string[],
  endpointId?: string,
): Promise<WebhookStats> {
  const ids = instanceIds as string[];
  const filter = endpointId === undefined ? db.sql`` : ofEndpoint(db.sql, endpointId);
  const [rows, [attempts]] = await Promise.all([
    db.sql<(DeliveryCounts & { dialect: Dialect; event_type: string })[]>`
      select i.dialect, d.event_type, count(*)::int as total,
        (count(*) filter (where d.status = 'succeeded'))::int as succeeded,
        (count(*) filter (where d.status = 'failed'))::int as failed,
        (count(*) filter (where d.status = 'pending'))::int as pending
      from deliveries d join instances i on i.id = d.instance_id
      where d.instance_id = any(${ids}::uuid[]) ${filter}
      group by 1, 2 order by 2, 1`,
    db.sql<{ average: number | null }[]>`
      select avg(a.duration_ms)::float8 as average from deliveries d join attempts a on a.delivery_id = d.id
      where d.instance_id = any(${ids}::uuid[]) ${filter}`,
  ]);
  const none: DeliveryCounts = { total: 0, succeeded: 0, failed: 0, pending: 0 };
  const byEvent = new Map<string, DeliveryCounts>();
  let all = none;
  for (const row of rows) {
    const name = eventName(row.dialect, row.event_type);
    byEvent.set(name, sum(byEvent.get(name) ?? none, row));
    all = sum(all, row);
  }
  const finished = all.succeeded + all.failed;
  return {
    ...all,
    successRate: finished === 0 ? null : all.succeeded / finished,
    averageDurationMs: attempts?.average ?? null,
    byEvent: Object.fromEntries(byEvent),
  };
}

const sum = (a: DeliveryCounts, b: DeliveryCounts): DeliveryCounts => ({
  total: a.total + b.total,
  succeeded: a.succeeded + b.succeeded,
  failed: a.failed + b.failed,
  pending: a.pending + b.pending,
});
