import type { Database } from "../db/index.ts";

/** Metrics of single instances, at `/metrics` of the host that serves them. CloudWatch doesn't get them. All are gauges. */
export const instanceMetrics = {
  switchboard_instance_connected: "1 if the instance is connected to WhatsApp, otherwise 0",
  switchboard_instance_commands: "Sends and mutations of the instance that this host has claimed and not finished",
  switchboard_instance_messages_sent:
    "Messages that the instance has sent within the last hour, in steps of 15 minutes",
  switchboard_instance_messages_received:
    "Messages that the instance has received within the last hour, in steps of 15 minutes",
} as const;
type InstanceMetric = keyof typeof instanceMetrics;

/** An instance as its host sees it. */
export interface ServedInstance {
  id: string;
  connected: boolean;
  /** Commands that the host has claimed and not finished. */
  commands: number;
}

export type Traffic = { sent: number; received: number };

/** Returns the messages of instances within the last hour. Instances without messages are missing. */
export async function readTraffic(db: Database, ids: readonly string[]): Promise<Map<string, Traffic>> {
  const rows = await db.sql<({ id: string } & Traffic)[]>`
    select instance_id as id, sum(messages_sent)::float8 as sent, sum(messages_received)::float8 as received
    from usage where instance_id = any(${ids as string[]}::uuid[]) and slot > clock_timestamp() - interval '1 hour'
    group by instance_id`;
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Returns the metrics of the instances with the most messages, at most `limit`, in Prometheus' text format. Each instance
 * has a label with its id, and no other label, so a host never has more series than `limit` times the metrics.
 */
export function instanceText(
  served: readonly ServedInstance[],
  traffic: ReadonlyMap<string, Traffic>,
  limit: number,
): string {
  const none: Traffic = { sent: 0, received: 0 };
  const samples = served
    .map((one) => ({ ...one, ...(traffic.get(one.id) ?? none) }))
    .sort((a, b) => b.sent + b.received - (a.sent + a.received) || b.commands - a.commands || (a.id < b.id ? -1 : 1))
    .slice(0, limit);
  if (samples.length === 0) return "";
  const valueBy: Record<InstanceMetric, (sample: (typeof samples)[number]) => number> = {
    switchboard_instance_connected: ({ connected }) => Number(connected),
    switchboard_instance_commands: ({ commands }) => commands,
    switchboard_instance_messages_sent: ({ sent }) => sent,
    switchboard_instance_messages_received: ({ received }) => received,
  };
  const lines = (Object.keys(instanceMetrics) as InstanceMetric[]).flatMap((name) => [
    `# HELP ${name} ${instanceMetrics[name]}`,
    `# TYPE ${name} gauge`,
    ...samples.map((sample) => `${name}{instance="${sample.id}"} ${valueBy[name](sample)}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}
