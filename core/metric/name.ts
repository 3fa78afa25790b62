/**
 * A counter counts occurrences per process. The sum over all processes is the total. A gauge of the `fleet` is measured
 * in the database and is the same for all processes. Only `functions/cron` sends it to CloudWatch, once per run. A
 * gauge of a `host` belongs to that host and appears only in its `/metrics`: CloudWatch does not distinguish hosts.
 */
type MetricDefinition = { help: string } & (
  | { kind: "counter" }
  | { kind: "gauge"; of: "fleet" | "host"; unit?: "Seconds" }
);

/** All metrics: those at a host's `/metrics`, those in CloudWatch, and those that alarms use. */
export const metricCatalog = {
  InstancesConnected: { kind: "gauge", of: "fleet", help: "Instances that are connected to WhatsApp" },
  InstancesPerHost: { kind: "gauge", of: "fleet", help: "Instances that should run, divided by the live hosts" },
  HostsAlive: { kind: "gauge", of: "fleet", help: "Session hosts that have reported within the last 8 seconds" },
  ShardsUnheld: {
    ...{ kind: "gauge", of: "fleet" },
    help: "Shards that no live host serves; 0 while an admin has stopped the hosts",
  },
  CommandsWaiting: { kind: "gauge", of: "fleet", help: "Commands that are due and not finished" },
  DeliveriesWaiting: {
    ...{ kind: "gauge", of: "fleet" },
    help: "Pending webhook deliveries, counted up to 100000",
  },
  EventAge: {
    ...{ kind: "gauge", of: "fleet", unit: "Seconds" },
    help: "Age of the oldest event that has not been sent to the event queue, in seconds",
  },
  ClientVersionAge: {
    ...{ kind: "gauge", of: "fleet", unit: "Seconds" },
    help: "Time since a look-up of the client version last succeeded, in seconds; 0 while WHATSAPP_VERSION pins it",
  },
  HostInstances: { kind: "gauge", of: "host", help: "Instances that this host serves" },
  HostInstancesConnected: { kind: "gauge", of: "host", help: "Instances of this host that are connected to WhatsApp" },
  HostShards: { kind: "gauge", of: "host", help: "Shards that this host holds" },
  HostCommands: {
    kind: "gauge",
    of: "host",
    help: "Sends and mutations that this host has claimed and not finished",
  },
  HostsStarted: { kind: "counter", help: "Starts of session hosts" },
  LeasesTaken: { kind: "counter", help: "Shard leases that were acquired" },
  LeasesLost: { kind: "counter", help: "Shard leases that were lost, not released" },
  CommandsDone: { kind: "counter", help: "Commands that succeeded" },
  CommandsFailed: { kind: "counter", help: "Commands that failed" },
  ClientOutdated: {
    kind: "counter",
    help: "Times that WhatsApp refused the client version and no other one was known; at most one a minute",
  },
  EventsParked: { kind: "counter", help: "Events that were skipped because a queue never accepts them" },
  StanzasQuarantined: {
    kind: "counter",
    help: "Messages and other stanzas that were put aside because they could not be stored",
  },
  AppStateFailures: {
    kind: "counter",
    help: "Times that changes of contacts, labels or settings could not be read, because a key was missing or a MAC was wrong",
  },
  UnhandledErrors: {
    kind: "counter",
    help: "Exceptions and rejected promises that no code handled, such as after a stanza that Baileys can't read",
  },
  EventsRelayed: { kind: "counter", help: "Events that were sent to the event queue" },
  WebhooksSucceeded: { kind: "counter", help: "Webhook attempts that succeeded" },
  WebhooksFailed: { kind: "counter", help: "Webhook attempts that failed" },
  EventsSentOut: { kind: "counter", help: "Events that were sent to their owners' queues" },
  EventQueueFailures: { kind: "counter", help: "Failed attempts to send events to their owners' queues" },
  EventLoopDelay: {
    kind: "counter",
    help: "Milliseconds for which event loops were blocked, in delays of more than 200 ms",
  },
  ApiRequests: { kind: "counter", help: "API requests" },
  ApiErrors: { kind: "counter", help: "API requests that were answered with a status of 500 or more" },
  IngressAccepted: { kind: "counter", help: "Commands from the ingress queue that were accepted" },
  IngressRejected: { kind: "counter", help: "Messages of the ingress queue that were rejected" },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricCatalog;
type NameOf<Shape> = { [Name in MetricName]: (typeof metricCatalog)[Name] extends Shape ? Name : never }[MetricName];
export type CounterName = NameOf<{ kind: "counter" }>;
export type FleetGauge = NameOf<{ of: "fleet" }>;
export type HostGauge = NameOf<{ of: "host" }>;

/** The namespace in CloudWatch. Every metric has one dimension, `Stage`: the prefix of the queues. */
export const metricNamespace = "Switchboard";
