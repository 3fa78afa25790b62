import * as z from "zod";
import { type InstanceStatus, instanceStatuses } from "../../../../core/instance/instance.sql.ts";
import { defined } from "../../../../core/object.ts";
import { clientVersionSources } from "../../../../core/shard/shard.sql.ts";
import type { health as readHealth, status as readStatus } from "../../operations/observability.ts";
import { isoDate, paginationShape } from "../../shape/common.ts";
import { instanceStatus } from "../../shape/instance.ts";

const toUptime = (seconds: number) => ({ seconds, formatted: duration(seconds) });

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

/**
 * Returns the CPU time and its share of the elapsed time, which counts as at least one second. 100 percent is one core.
 */
const toCpu = (seconds: number, elapsedMs: number) => ({
  percent: (100_000 * seconds) / Math.max(1000, elapsedMs),
  seconds,
});

const duration = (seconds: number) =>
  `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m ${seconds % 60}s`;

const connected = z.object({ status: z.literal("connected") });
const uptime = z.object({ seconds: z.int(), formatted: z.string() });
const memory = z.object({ rss: z.string(), heapTotal: z.string(), heapUsed: z.string(), external: z.string() });

const toMemory = (used: NodeJS.MemoryUsage): z.input<typeof memory> => ({
  rss: megabytes(used.rss),
  heapTotal: megabytes(used.heapTotal),
  heapUsed: megabytes(used.heapUsed),
  external: megabytes(used.external),
});

const depth = z.object({
  waiting: z.int(),
  inFlight: z.int(),
  /** The number of messages in the dead-letter queue. */
  dead: z.int(),
});

const host = z.object({
  id: z.string(),
  version: z.string(),
  startedAt: isoDate,
  /** When the host last sent a heartbeat. */
  seenAt: isoDate,
  /** Since the host started. */
  uptime,
  alive: z.boolean(),
  /** Whether the host is releasing its shards, before it stops or restarts. */
  draining: z.boolean(),
  /** CPU usage since the host started, where 100 percent is one core. Null before the host's first report. */
  cpu: z.object({ percent: z.number(), seconds: z.number() }).nullable(),
  memory: z.object({ rss: z.string() }).nullable(),
  /** The version of WhatsApp Web that the host presents, where it comes from, and when it was last looked up. */
  clientVersion: z
    .object({ version: z.string(), source: z.enum(clientVersionSources), lookedUpAt: isoDate.nullable() })
    .nullable(),
  /** The shards that the host holds. */
  shards: z.array(z.int()),
});

const instanceFigures = z.object({
  id: z.string(),
  name: z.string(),
  status: instanceStatus,
  statusAt: isoDate,
  shard: z.int(),
  /** The host that holds the shard. */
  host: z.string().nullable(),
  /** The number of events so far. */
  events: z.int(),
  /** Accepted commands that are not finished. */
  commandsWaiting: z.int(),
  /** Unfinished deliveries. */
  webhooksWaiting: z.int(),
});

export const order = z.object({
  stopped: z.boolean(),
  /** Live hosts, which receive the order. */
  hosts: z.int(),
});

/** `stopped`: an admin has stopped the session hosts. */
const healthStatus = z.enum(["healthy", "stopped"]);

/** The documented shape, which admins get, and the shape without details. */
export const health = z.union([
  z.object({
    status: healthStatus,
    uptime,
    memory,
    database: connected,
    instances: z.object({ total: z.int(), active: z.int() }),
    queues: connected,
    hosts: z.object({
      /** Known hosts. A killed host stays known for a day. */
      total: z.int(),
      alive: z.int(),
      /** Live hosts that are releasing their shards, before they stop or restart. */
      draining: z.int(),
    }),
    /** `held` counts the shards of live hosts. */
    shards: z.object({ total: z.int(), held: z.int() }),
  }),
  z.object({ status: healthStatus, database: connected, queues: connected }),
]);

type Health = Awaited<ReturnType<typeof readHealth>>;

/** The documented fields come first, in the documented order. */
export function toHealth({ status: state, details }: Health): z.input<typeof health> {
  const connection = { status: "connected" as const };
  if (!details) return { status: state, database: connection, queues: connection };
  const { uptimeSeconds, memory: used, instances, hosts, shards } = details;
  return {
    status: state,
    uptime: toUptime(uptimeSeconds),
    memory: toMemory(used),
    database: connection,
    instances,
    queues: connection,
    hosts,
    shards,
  };
}

export const environment = z.object({
  nodeEnv: z.string().nullable(),
  platform: z.string(),
  architecture: z.string(),
  region: z.string(),
  shards: z.int(),
  /** Requests to this API in 15 minutes for each IP address and each API key; 0 means no limit. */
  rateLimit: z.int(),
  queuePrefix: z.string(),
  logLevel: z.string(),
  /** Whether KMS wraps the data keys, instead of a key file. */
  kms: z.boolean(),
  /** Whether the gateway uses an SQS endpoint other than that of AWS. */
  ownQueues: z.boolean(),
  /** Whether the gateway uses an S3 endpoint other than that of AWS. */
  ownStorage: z.boolean(),
  /** Whether the gateway connects to a server other than WhatsApp, such as the simulator. */
  ownWhatsApp: z.boolean(),
  /** The number of IP ranges outside the public internet that URLs from callers may point to. */
  egressAllowed: z.int(),
});

export const status = z.object({
  version: z.string(),
  uptime,
  /** CPU usage of the process that responds, since it started. 100 percent is one core. */
  cpu: z
    .object({
      percent: z.number(),
      userSeconds: z.number(),
      systemSeconds: z.number(),
      cores: z.int(),
      /** Of the machine, over 1, 5 and 15 minutes. */
      loadAverage: z.array(z.number()),
    })
    .optional()
    .meta({ description: "For admins" }),
  memory: memory
    .extend({ systemTotal: z.string(), systemFree: z.string() })
    .optional()
    .meta({ description: "For admins" }),
  database: connected.extend({ latencyMs: z.number() }),
  queues: z.object({
    status: z.enum(["connected", "disconnected"]),
    events: depth.nullable(),
    /** The sum over all shards. */
    commands: depth.nullable(),
  }),
  shards: z.object({ total: z.int(), held: z.int() }),
  hosts: z.array(host).optional().meta({ description: "For admins" }),
  instances: z.object({
    total: z.int(),
    active: z.int(),
    byStatus: z.record(instanceStatus, z.int()),
    /** For admins: all instances, newest first. */
    list: z.array(instanceFigures).optional(),
    pagination: paginationShape.optional(),
  }),
});

type Status = Awaited<ReturnType<typeof readStatus>>;

type Machines = NonNullable<Status["machines"]>;

const toProcess = ({ cpu, memory: used }: Machines) => ({
  cpu,
  memory: { ...toMemory(used), systemTotal: megabytes(used.systemTotal), systemFree: megabytes(used.systemFree) },
});

const toHost = ({ age, startedAt, seenAt, cpuSeconds, rssBytes, ...rest }: Machines["hosts"][number]) => ({
  ...rest,
  cpu: cpuSeconds === null ? null : toCpu(cpuSeconds, seenAt.getTime() - startedAt.getTime()),
  memory: rssBytes === null ? null : { rss: megabytes(rssBytes) },
  startedAt: startedAt.toISOString(),
  seenAt: seenAt.toISOString(),
  uptime: toUptime(age),
});

export function toStatus(state: Status): z.input<typeof status> {
  const { version, uptimeSeconds, machines, database, queues, shards, instances } = state;
  return {
    version,
    uptime: toUptime(uptimeSeconds),
    ...(machines && toProcess(machines)),
    database: { status: "connected" as const, ...database },
    queues: {
      status: queues ? ("connected" as const) : ("disconnected" as const),
      events: queues?.events ?? null,
      commands: queues?.commands ?? null,
    },
    shards,
    ...(machines && { hosts: machines.hosts.map(toHost) }),
    instances: {
      total: instances.total,
      active: instances.byStatus.connected ?? 0,
      byStatus: {
        ...(Object.fromEntries(instanceStatuses.map((name) => [name, 0])) as Record<InstanceStatus, number>),
        ...instances.byStatus,
      },
      ...defined({
        list: instances.list?.figures.map((each) => ({ ...each, statusAt: each.statusAt.toISOString() })),
        pagination: instances.list?.pagination,
      }),
    },
  };
}
