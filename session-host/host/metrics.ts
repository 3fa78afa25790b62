import { setTimeout as after } from "node:timers/promises";
import type { Database } from "../../core/db/index.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { prometheusText } from "../../core/metric/index.ts";
import { instanceText, readTraffic } from "../../core/metric/instances.ts";
import type { FleetGauge } from "../../core/metric/name.ts";
import type { Host } from "./host.ts";

/** How long metrics from the database are reused, in milliseconds. */
const freshMs = 2_000;
const databaseTimeoutMs = 2_000;

type FromDatabase = { fleet: Record<FleetGauge, number>; instances: string };

/**
 * Returns a function that renders `/metrics`: the metrics of this host, those of the fleet, and those of at most
 * `instanceLimit` instances, which come from the database. While the database is down, the output has only those of
 * the host.
 */
export function hostMetrics(
  host: Pick<Host, "gauges" | "served">,
  db: Database,
  instanceLimit = 0,
): () => Promise<string> {
  let readAt = Number.NEGATIVE_INFINITY;
  let found: Promise<FromDatabase | undefined> = Promise.resolve(undefined);
  const read = async (): Promise<FromDatabase> => {
    const served = instanceLimit === 0 ? [] : host.served();
    const ids = served.map(({ id }) => id);
    const [fleet, traffic] = await Promise.all([
      readFleetGauges(db),
      ids.length > 0 ? readTraffic(db, ids) : new Map(),
    ]);
    return { fleet, instances: instanceText(served, traffic, instanceLimit) };
  };
  return async () => {
    const now = performance.now();
    if (now - readAt >= freshMs) {
      readAt = now;
      // If the database does not answer, the page has the host's own metrics without those of the database.
      found = Promise.race([read().catch(() => undefined), after(databaseTimeoutMs, undefined, { ref: false })]);
    }
    const { fleet, instances = "" } = (await found) ?? {};
    return prometheusText({ ...fleet, ...host.gauges() }) + instances;
  };
}
