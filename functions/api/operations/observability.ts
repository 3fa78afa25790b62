import { availableParallelism, freemem, loadavg, totalmem } from "node:os";
import { type Caller, isAdmin } from "../../../core/caller.ts";
import { AppError } from "../../../core/error.ts";
import { countByStatus, readFigures } from "../../../core/instance/figures.ts";
import { countInstances } from "../../../core/instance/store.ts";
import { defined } from "../../../core/object.ts";
import type { PageRequest } from "../../../core/page.ts";
import { commandQueue, deadLetterQueue, eventQueue } from "../../../core/queue/name.ts";
import { type FleetState, readFleet, restartFleet, stopFleet } from "../../../core/shard/fleet.ts";
import { readHosts } from "../../../core/shard/status.ts";
import { within } from "../../../core/timeout.ts";
import { baileysVersion, version } from "../../../core/version.ts";
import type { CallerContext, Context } from "../engine/context.ts";
import type { ApiDeps } from "../engine/dependencies.ts";

export const now = async (context: Context) => context.deps.clock.now();

/** The time in milliseconds after which a check counts as failed. */
const checkMs = 3_000;

export interface HealthDetails extends Pick<FleetState, "hosts" | "shards"> {
  uptimeSeconds: number;
  memory: NodeJS.MemoryUsage;
  instances: { total: number; active: number };
}

interface Health {
  /** `stopped`: an admin has stopped the session hosts. */
  status: "healthy" | "stopped";
  details: HealthDetails;
}

/**
 * Returns the state of the gateway: the details only to admins, or to everyone with `HEALTH_DETAILS`. Throws
 * `unavailable`, with a report in `data` for those who see the details.
 */
export async function health(
  context: Context & { caller?: Caller },
): Promise<Pick<Health, "status"> & Partial<Pick<Health, "details">>> {
  const { caller, deps } = context;
  const detailed = deps.config.HEALTH_DETAILS === "public" || (caller !== undefined && isAdmin(caller));
  try {
    const { status, details } = await checkOnce(context);
    return detailed ? { status, details } : { status };
  } catch (error) {
    if (detailed || !(error instanceof AppError)) throw error;
    throw new AppError("unavailable", "the gateway is not healthy: an admin key shows why", {
      cause: error,
      data: { data: { status: "unhealthy" } },
    });
  }
}

/** The checks that run now. Anyone can ask for the health, so concurrent requests share one check. */
const running = new WeakMap<Context["deps"]["db"], Promise<Health>>();

function checkOnce(context: Context): Promise<Health> {
  const { db } = context.deps;
  const check = running.get(db) ?? checkHealth(context).finally(() => running.delete(db));
  running.set(db, check);
  return check;
}

/**
 * Checks the database, the queues and the session hosts. Throws `unavailable` with a report in `data` if any of these
 * does not respond, or if no host serves some instances although no admin has stopped the hosts.
 */
async function checkHealth(context: Context): Promise<Health> {
  const { db, queues, log } = context.deps;
  const [database, queue] = await Promise.allSettled([
    within(checkMs, Promise.all([countInstances(db), readFleet(db)]), timeoutError),
    queues.depth(commandQueue(0), AbortSignal.timeout(checkMs)),
  ]);
  const broken: string[] = [];
  for (const [name, check] of Object.entries({ database, queues: queue })) {
    if (check.status === "fulfilled") continue;
    broken.push(`${name} not reachable`);
    log.error({ err: check.reason }, `health check of the ${name} failed`);
  }
  const [instances, fleet] = database.status === "fulfilled" ? database.value : [];
  if (fleet && !fleet.stopped && (fleet.shards.held < fleet.shards.total || fleet.shards.total === 0)) {
    const { hosts, shards } = fleet;
    broken.push(`${shards.held} of ${shards.total} shards served, by ${hosts.alive} live hosts`);
  }
  if (instances && fleet && broken.length === 0) {
    const { stopped, hosts, shards } = fleet;
    const figures = { uptimeSeconds: Math.floor(process.uptime()), memory: process.memoryUsage() };
    return { status: stopped ? "stopped" : "healthy", details: { ...figures, instances, hosts, shards } };
  }
  throw new AppError("unavailable", broken.join("; "), {
    data: {
      // The error body of the Gateway API gets this report as its field `data`.
      data: {
        status: "unhealthy",
        database: { status: fleet ? "connected" : "disconnected" },
        queues: { status: queue.status === "fulfilled" ? "connected" : "disconnected" },
        ...defined({ hosts: fleet?.hosts, shards: fleet?.shards }),
      },
    },
  });
}

/** Orders all session hosts to release their shards until `restart`. Does not wait for them. */
export async function stop({ deps, caller }: CallerContext) {
  const order = await stopFleet(deps.db, caller.userId);
  deps.log.warn({ userId: caller.userId, hosts: order.hosts }, "an admin stopped the session hosts");
  return order;
}

/** Orders stopped session hosts to start, and running ones to restart one at a time. Does not wait for them. */
export async function restart({ deps, caller }: CallerContext) {
  const order = await restartFleet(deps.db, caller.userId);
  deps.log.warn({ userId: caller.userId, hosts: order.hosts }, "an admin restarted the session hosts");
  return order;
}

export const versions = async ({ deps }: CallerContext) => ({
  version,
  node: process.versions.node,
  baileys: baileysVersion,
  commit: deps.config.COMMIT ?? null,
});

/**
 * Returns the configuration without secrets, as an explicit list. For settings that can hold a secret, a path or an
 * address, it reports only whether they are set.
 */
export const environment = async ({ deps: { config } }: CallerContext) => ({
  nodeEnv: process.env.NODE_ENV ?? null,
  platform: process.platform,
  architecture: process.arch,
  region: config.AWS_REGION,
  shards: config.SHARDS,
  rateLimit: config.RATE_LIMIT,
  queuePrefix: config.QUEUE_PREFIX,
  logLevel: config.LOG_LEVEL,
  kms: config.KMS_KEY_ID !== undefined,
  ownQueues: config.SQS_ENDPOINT !== undefined,
  ownStorage: config.S3_ENDPOINT !== undefined,
  ownWhatsApp: config.WHATSAPP_URL !== undefined,
  egressAllowed: config.EGRESS_ALLOW.length,
});

export interface QueueDepth {
  waiting: number;
  inFlight: number;
  /** The number of messages in the dead-letter queue. */
  dead: number;
}

/**
 * Returns the state of the database, the queues, this process, the hosts and the instances. Admins get figures of all
 * instances, this process and the hosts. Other callers get only the number of their own instances. `queues` is null if the queues do not respond.
 * Throws `unavailable` if the database does not respond in time.
 */
export async function status({ deps, caller }: CallerContext, page: PageRequest) {
  const { db, log } = deps;
  const admin = isAdmin(caller);
  const began = performance.now();
  await withinCheckTime(db.sql`select 1`);
  const latencyMs = Math.round((performance.now() - began) * 10) / 10;
  const [fleet, counts, queues] = await Promise.all([
    withinCheckTime(readHosts(db)),
    withinCheckTime(countByStatus(db, admin ? null : caller.userId)),
    queueDepths(deps.queues, deps.config.SHARDS).catch((error: unknown) => {
      log.error({ err: error }, "cannot read the depth of the queues");
      return null;
    }),
  ]);
  const list = admin ? await withinCheckTime(readFigures(db, counts.total, page)) : null;
  const { uptimeSeconds, ...process } = processFigures();
  const { shards, hosts } = fleet;
  return {
    ...{ version, uptimeSeconds, database: { latencyMs }, queues, shards },
    /** For admins. */
    machines: admin ? { ...process, hosts } : null,
    instances: { ...counts, list },
  };
}

const timeoutError = () => new Error(`no response within ${checkMs} ms`);

const withinCheckTime = <T>(work: Promise<T>): Promise<T> =>
  within(
    checkMs,
    work,
    () => new AppError("unavailable", "the database did not respond in time", { cause: timeoutError() }),
  );

/** The figures of this process. On Lambda, it is one of many processes. */
function processFigures() {
  const uptimeSeconds = process.uptime();
  const { user, system } = process.cpuUsage();
  const [userSeconds, systemSeconds] = [user / 1e6, system / 1e6];
  return {
    uptimeSeconds: Math.floor(uptimeSeconds),
    cpu: {
      userSeconds,
      systemSeconds,
      /** Since the process started; 100 is one core. */
      percent: (100 * (userSeconds + systemSeconds)) / uptimeSeconds,
      cores: availableParallelism(),
      loadAverage: loadavg(),
    },
    memory: { ...process.memoryUsage(), systemTotal: totalmem(), systemFree: freemem() },
  };
}

/** Returns the depth of the event queue, and the sum over all command queues. */
async function queueDepths(
  queues: ApiDeps["queues"],
  shards: number,
): Promise<{ events: QueueDepth; commands: QueueDepth }> {
  const signal = AbortSignal.timeout(checkMs);
  const depth = async (name: string): Promise<QueueDepth> => {
    const [own, dead] = await Promise.all([queues.depth(name, signal), queues.depth(deadLetterQueue(name), signal)]);
    return { ...own, dead: dead.waiting + dead.inFlight };
  };
  const commandQueues = Array.from({ length: shards }, (_, shard) => commandQueue(shard));
  const [events, commands] = await within(
    checkMs,
    Promise.all([depth(eventQueue), Promise.all(commandQueues.map(depth))]),
    timeoutError,
  );
  const sum = (field: keyof QueueDepth) => commands.reduce((total, depth) => total + depth[field], 0);
  return { events, commands: { waiting: sum("waiting"), inFlight: sum("inFlight"), dead: sum("dead") } };
}
