import { setTimeout as after } from "node:timers/promises";
import type { Database } from "../../core/db/index.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { prometheusText } from "../../core/metric/index.ts";
import type { FleetGauge } from "../../core/metric/name.ts";
import type { Host } from "./host.ts";

/** How long the fleet's metrics are reused, in milliseconds. */
const freshMs = 2_000;
const databaseTimeoutMs = 2_000;

/**
 * Returns a function that renders `/metrics`: the metrics of this host, and those of the fleet, which come from the
 * database. While the database is down, the output lacks the fleet's metrics.
 */
export function hostMetrics(host: Pick<Host, "gauges">, db: Database): () => Promise<string> {
  let readAt = Number.NEGATIVE_INFINITY;
  let fleet: Promise<Record<FleetGauge, number> | undefined> = Promise.resolve(undefined);
  return async () => {
    const now = performance.now();
    if (now - readAt >= freshMs) {
      readAt = now;
      // If the database does not answer, the page has the host's own metrics without those of the fleet.
      fleet = Promise.race([
        readFleetGauges(db).catch(() => undefined),
        after(databaseTimeoutMs, undefined, { ref: false }),
      ]);
    }
    return prometheusText({ ...(await fleet), ...host.gauges() });
  };
}
