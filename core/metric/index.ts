import { type CounterName, type FleetGauge, type MetricName, metricCatalog, metricNamespace } from "./name.ts";

const names = Object.keys(metricCatalog) as MetricName[];
/** Counts since the process started. */
const totals = new Map<MetricName, number>();
/** Counts and gauges that `takeEmf` has not returned yet. */
const unsent = new Map<MetricName, number>();

/** Counts something that happened in this process. */
export function count(name: CounterName, by = 1): void {
  if (by === 0) return;
  totals.set(name, (totals.get(name) ?? 0) + by);
  unsent.set(name, (unsent.get(name) ?? 0) + by);
}

/** Sets the gauges of the fleet. Only `functions/cron` may call this function (see `metricCatalog`). */
export function measure(gauges: Readonly<Record<FleetGauge, number>>): void {
  for (const [name, value] of Object.entries(gauges) as [FleetGauge, number][]) unsent.set(name, value);
}

/**
 * Returns the metrics that have changed since the last call, as one line in CloudWatch's Embedded Metric Format.
 * CloudWatch Logs creates metrics from it. Returns null if nothing has changed.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function takeEmf(stage: string, at: Date): string | null {
  if (unsent.size === 0) return null;
  const Metrics = [...unsent.keys()].map((Name) => ({ Name, Unit: unitOf(Name) }));
  const values = Object.fromEntries(unsent);
  unsent.clear();
  return JSON.stringify({
    _aws: {
      Timestamp: at.getTime(),
      CloudWatchMetrics: [{ Namespace: metricNamespace, Dimensions: [["Stage"]], Metrics }],
    },
    Stage: stage,
    ...values,
  });
}

const unitOf = (name: MetricName) => ("unit" in metricCatalog[name] ? metricCatalog[name].unit : "Count");

/**
 * Returns the counters of this process and the given gauges in Prometheus' text format 0.0.4, with names such as
 * `switchboard_leases_taken_total`. A counter appears even at zero, so that its first increment is visible.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText(gauges: { readonly [Name in MetricName]?: number }): string {
  const lines = names.flatMap((name) => {
    const { kind, help } = metricCatalog[name];
    const value = kind === "counter" ? (totals.get(name) ?? 0) : gauges[name];
    if (value === undefined) return [];
    const full = prometheusName(name);
    return [`# HELP ${full} ${help}`, `# TYPE ${full} ${kind}`, `${full} ${value}`];
  });
  return lines.map((line) => `${line}\n`).join("");
}

export function prometheusName(name: MetricName): string {
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `switchboard${snake}${metricCatalog[name].kind === "counter" ? "_total" : ""}`;
}
