/**
 * A counter counts what happened in each process, and its sum over all is the truth. A gauge `of` the `fleet` says the same wherever it is
 * asked: `functions/cron` measures it once a run from the database, and sends it to CloudWatch; no other process does. A gauge `of` a `host` is
 * that host's own, and is shown at its `/metrics` only: in CloudWatch, where nothing tells the hosts apart, it would mean nothing.
 */
type Declared = { help: string } & ({ kind: "counter" } | { kind: "gauge"; of: "fleet" | "host"; unit?: "Seconds" });

/** Every metric there is: what the host shows at `/metrics`, what goes to CloudWatch, and what alarms look at. */
export const metricCatalog = {
  InstancesConnected: { kind: "gauge", of: "fleet", help: "Instances that are connected to WhatsApp" },
  InstancesPerHost: { kind: "gauge", of: "fleet", help: "Instances that should run, divided by the live hosts" },
  HostsAlive: { kind: "gauge", of: "fleet", help: "Session hosts that have said within seconds that they are alive" },
  ShardsUnheld: {
    ...{ kind: "gauge", of: "fleet" },
    help: "Shards that no live host serves; 0 while an admin has stopped the hosts",
  },
  CommandsWaiting: { kind: "gauge", of: "fleet", help: "Commands that are accepted and due and not done yet" },
  DeliveriesWaiting: {
    ...{ kind: "gauge", of: "fleet" },
    help: "Webhook deliveries that are still to succeed, counted up to 100000",
  },
  EventAge: {
    ...{ kind: "gauge", of: "fleet", unit: "Seconds" },
    help: "Seconds that the oldest event has waited to leave the database",
  },
  HostInstances: { kind: "gauge", of: "host", help: "Instances that this host serves" },
  HostInstancesConnected: { kind: "gauge", of: "host", help: "Of those, the ones that are connected to WhatsApp" },
  HostShards: { kind: "gauge", of: "host", help: "Shards that this host holds" },
  HostCommands: {
    kind: "gauge",
    of: "host",
    help: "Sends and mutations that this host has taken over and not finished",
  },
  HostsStarted: { kind: "counter", help: "Starts of session hosts" },
  LeasesTaken: { kind: "counter", help: "Leases of shards that were taken" },
  LeasesLost: { kind: "counter", help: "Leases of shards that were lost, not given back" },
  CommandsDone: { kind: "counter", help: "Commands that were done" },
  CommandsFailed: { kind: "counter", help: "Commands that failed" },
  ClientOutdated: {
    kind: "counter",
    help: "Times that WhatsApp refused the client version and no other one was known; at most one a minute",
  },
  EventsRelayed: { kind: "counter", help: "Events that were brought to their queue" },
  WebhooksSucceeded: { kind: "counter", help: "Attempts at webhooks that succeeded" },
  WebhooksFailed: { kind: "counter", help: "Attempts at webhooks that failed" },
  EventsSentOut: { kind: "counter", help: "Events that were sent to queues of their owners" },
  EventQueueFailures: { kind: "counter", help: "Attempts to send events to queues of their owners that failed" },
  ApiRequests: { kind: "counter", help: "Requests that the API has answered" },
  ApiErrors: { kind: "counter", help: "Of those, the ones answered with a status of 500 or more" },
  IngressAccepted: { kind: "counter", help: "Commands from the ingress queue that were accepted" },
  IngressRejected: { kind: "counter", help: "Messages of the ingress queue that were rejected" },
} as const satisfies Record<string, Declared>;

export type MetricName = keyof typeof metricCatalog;
type NameOf<Shape> = { [Name in MetricName]: (typeof metricCatalog)[Name] extends Shape ? Name : never }[MetricName];
export type CounterName = NameOf<{ kind: "counter" }>;
export type FleetGauge = NameOf<{ of: "fleet" }>;
export type HostGauge = NameOf<{ of: "host" }>;

/** In CloudWatch. Every metric has the one dimension `Stage`, the prefix of the queues. */
export const metricNamespace = "Switchboard";
