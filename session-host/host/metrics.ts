import { setTimeout as after } from "node:timers/promises";
import type { Database } from "../../core/db/index.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { prometheusText } from "../../core/metric/index.ts";
import type { FleetGauge } from "../../core/metric/name.ts";
import type { Host } from "./host.ts";

/** How long the figures of the fleet are reused. Milliseconds. */
const freshMs = 2_000;
const databaseTimeoutMs = 2_000;

/**
 * Returns the text of `/metrics`: the host's own figures, and those of the fleet from the database. While the database is down, it
 * has only the former.
 */
export function hostMetrics(host: Pick<Host, "gauges">, db: Database): () => Promise<string> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let fleet: Promise<Record<FleetGauge, number> | undefined> = Promise.resolve(undefined);
  return async () => {
    const now = performance.now();
    if (now - askedAt >= freshMs) {
      askedAt = now;
      fleet = Promise.race([
        readFleetGauges(db).catch(() => undefined),
        after(databaseTimeoutMs, undefined, { ref: false }),
      ]);
    }
    return prometheusText({ ...(await fleet), ...host.gauges() });
  };
}
