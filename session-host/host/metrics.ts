import { setTimeout as after } from "node:timers/promises";
import type { Database } from "../../core/db/index.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { prometheusText } from "../../core/metric/index.ts";
import type { FleetGauge } from "../../core/metric/name.ts";
import type { Host } from "./host.ts";

/** Whoever asks more often is told the same of the fleet. Milliseconds. */
const freshMs = 2_000;
const patienceMs = 2_000;

/**
 * What a host shows at `/metrics`: its own figures, and those of the fleet as the database has them. Without the database only the first,
 * which is what one wants to see then.
 */
export function hostMetrics(host: Pick<Host, "gauges">, db: Database): () => Promise<string> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let fleet: Promise<Record<FleetGauge, number> | undefined> = Promise.resolve(undefined);
  return async () => {
    const now = performance.now();
    if (now - askedAt >= freshMs) {
      askedAt = now;
      fleet = Promise.race([readFleetGauges(db).catch(() => undefined), after(patienceMs, undefined, { ref: false })]);
    }
    return prometheusText({ ...(await fleet), ...host.gauges() });
  };
}
