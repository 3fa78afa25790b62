import * as z from "zod";
import { type InstanceStatus, instanceStatuses } from "../../../../core/instance/instance.sql.ts";
import { callerEndpoint, publicEndpoint } from "../../engine/endpoint.ts";
import { environment, health, now, restart, status, stop, versions } from "../../operations/observability.ts";
import { instanceStatus, isoDate, pageQuery, paginationShape } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const toUptime = (seconds: number) => ({ seconds, formatted: duration(seconds) });

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

const toCpu = (seconds: number, ofMs: number) => ({ percent: (100_000 * seconds) / Math.max(1000, ofMs), seconds });

const duration = (seconds: number) =>
  `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m ${seconds % 60}s`;

const link = z.object({ status: z.literal("connected") });
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
  /** In the dead-letter queue. */
  dead: z.int(),
});

const host = z.object({
  id: z.string(),
  version: z.string(),
  startedAt: isoDate,
  /** When it last said that it is alive. */
  seenAt: isoDate,
  /** Since it started. */
  uptime,
  alive: z.boolean(),
  /** It gives its shards back: it is about to stop or to begin anew. */
  draining: z.boolean(),
  /** Since it started; 100 percent is one core. Null before it has said so. */
  cpu: z.object({ percent: z.number(), seconds: z.number() }).nullable(),
  memory: z.object({ rss: z.string() }).nullable(),
  /** Those that it holds now. */
  shards: z.array(z.int()),
});

const figures = z.object({
  id: z.string(),
  name: z.string(),
  status: instanceStatus,
  statusAt: isoDate,
  shard: z.int(),
  /** The host that serves its shard now. */
  host: z.string().nullable(),
  /** Events so far. */
  events: z.int(),
  /** Commands that are accepted and not done yet. */
  commandsWaiting: z.int(),
  /** Deliveries that are still to succeed. */
  webhooksWaiting: z.int(),
});

const order = z.object({
  stopped: z.boolean(),
  /** Hosts that are alive, to hear of it. */
  hosts: z.int(),
});

export const observabilityEndpoints = [
  publicEndpoint({
    method: "get",
    path: "/api/observability/ping",
    summary: "Whether the API answers",
    access: "public",
    answer: z.object({ success: z.literal(true), message: z.literal("pong"), timestamp: isoDate }),
    in: () => undefined,
    does: now,
    out: (timestamp) => ({ success: true as const, message: "pong" as const, timestamp: timestamp.toISOString() }),
  }),
  publicEndpoint({
    method: "get",
    path: "/api/observability/health",
    summary:
      "Whether the database and the queues answer and session hosts serve all instances; 503 when that is not so",
    access: "public",
    answer: envelope(
      z.object({
        /** `stopped`: an admin has stopped the session hosts. */
        status: z.enum(["healthy", "stopped"]),
        uptime,
        memory,
        database: link,
        instances: z.object({ total: z.int(), active: z.int() }),
        queues: link,
        hosts: z.object({
          /** That are known: one that was killed stays so for a day. */
          total: z.int(),
          alive: z.int(),
          /** Of those that are alive: give back what they serve, to stop or to begin anew. */
          draining: z.int(),
        }),
        /** `held`: by a host that is alive. */
        shards: z.object({ total: z.int(), held: z.int() }),
      }),
    ),
    in: () => undefined,
    does: health,
    out: ({ status: state, uptimeSeconds, memory: used, instances, hosts, shards }) =>
      enveloped({
        status: state,
        uptime: toUptime(uptimeSeconds),
        memory: toMemory(used),
        database: { status: "connected" as const },
        instances,
        queues: { status: "connected" as const },
        hosts,
        shards,
      }),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/version",
    summary: "The versions of what runs",
    access: "read",
    answer: envelope(
      z.object({ version: z.string(), node: z.string(), baileys: z.string(), commit: z.string().nullable() }),
    ),
    in: () => undefined,
    does: versions,
    out: (known) => enveloped(known),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/environment",
    summary: "How this API is set up, without anything that is secret",
    access: "admin",
    answer: envelope(
      z.object({
        nodeEnv: z.string().nullable(),
        platform: z.string(),
        architecture: z.string(),
        region: z.string(),
        shards: z.int(),
        /** Requests to this API in 15 minutes, of each address and of each key; 0 is no limit. */
        rateLimit: z.int(),
        queuePrefix: z.string(),
        logLevel: z.string(),
        /** Whether KMS wraps the data keys; otherwise a key file does. */
        kms: z.boolean(),
        /** Whether something in place of SQS is set. */
        ownQueues: z.boolean(),
        /** Whether something in place of S3 is set. */
        ownStorage: z.boolean(),
        /** Whether something in place of WhatsApp is set. */
        ownWhatsApp: z.boolean(),
        /** How many address ranges callers' URLs may reach besides the public internet. */
        egressAllowed: z.int(),
      }),
    ),
    in: () => undefined,
    does: environment,
    out: (known) => enveloped(known),
  }),
  callerEndpoint({
    method: "get",
    path: "/api/observability/status",
    summary: "The state of this process, the database, the queues, the session hosts and, for an admin, every instance",
    access: "read",
    query: pageQuery(100).pick({ limit: true, skip: true }),
    answer: envelope(
      z.object({
        version: z.string(),
        uptime,
        /** Of the process that answers, since it started; 100 percent is one core. */
        cpu: z.object({
          percent: z.number(),
          userSeconds: z.number(),
          systemSeconds: z.number(),
          cores: z.int(),
          /** Of the machine, over 1, 5 and 15 minutes. */
          loadAverage: z.array(z.number()),
        }),
        memory: memory.extend({ systemTotal: z.string(), systemFree: z.string() }),
        database: link.extend({ latencyMs: z.number() }),
        queues: z.object({
          status: z.enum(["connected", "disconnected"]),
          events: depth.nullable(),
          /** Of all shards together. */
          commands: depth.nullable(),
        }),
        shards: z.object({ total: z.int(), held: z.int() }),
        hosts: z.array(host),
        instances: z.object({
          total: z.int(),
          active: z.int(),
          byStatus: z.record(instanceStatus, z.int()),
          /** For an admin: each, the newest first. */
          list: z.array(figures).optional(),
          pagination: paginationShape.optional(),
        }),
      }),
    ),
    in: ({ query }) => ({ limit: query.limit ?? 100, skip: query.skip ?? 0 }),
    does: status,
    out: ({ version, uptimeSeconds, cpu, memory: used, database, queues, shards, hosts, instances }) =>
      enveloped({
        version,
        uptime: toUptime(uptimeSeconds),
        cpu,
        memory: {
          ...toMemory(used),
          systemTotal: megabytes(used.systemTotal),
          systemFree: megabytes(used.systemFree),
        },
        database: { status: "connected" as const, ...database },
        queues: {
          status: queues ? ("connected" as const) : ("disconnected" as const),
          events: queues?.events ?? null,
          commands: queues?.commands ?? null,
        },
        shards,
        hosts: hosts.map(({ age, startedAt, seenAt, cpuSeconds, rssBytes, ...one }) => ({
          ...one,
          cpu: cpuSeconds === null ? null : toCpu(cpuSeconds, seenAt.getTime() - startedAt.getTime()),
          memory: rssBytes === null ? null : { rss: megabytes(rssBytes) },
          startedAt: startedAt.toISOString(),
          seenAt: seenAt.toISOString(),
          uptime: toUptime(age),
        })),
        instances: {
          total: instances.total,
          active: instances.byStatus.connected ?? 0,
          byStatus: {
            ...(Object.fromEntries(instanceStatuses.map((one) => [one, 0])) as Record<InstanceStatus, number>),
            ...instances.byStatus,
          },
          ...(instances.each && {
            list: instances.each.figures.map((one) => ({ ...one, statusAt: one.statusAt.toISOString() })),
            pagination: instances.each.pagination,
          }),
        },
      }),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/observability/stop",
    summary:
      "Have all session hosts end their sessions, without logging out, and keep them from serving until a restart",
    access: "admin",
    answer: envelope(order),
    in: () => undefined,
    does: stop,
    out: (given) =>
      enveloped(given, "The session hosts end their sessions. What is sent waits for POST /api/observability/restart"),
  }),
  callerEndpoint({
    method: "post",
    path: "/api/observability/restart",
    summary: "Have the session hosts serve again; those that do already begin anew, one after another",
    access: "admin",
    answer: envelope(order),
    in: () => undefined,
    does: restart,
    out: (given) => enveloped(given, "The session hosts begin anew, one after another"),
  }),
];
