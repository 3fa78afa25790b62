import type { Hono } from "hono";
import { systemClock } from "../../core/clock.ts";
import { handOverOf } from "../../core/command/hand-over.ts";
import { type Config, parseEnv, poolSchema, readConfig, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { openDatabase } from "../../core/db/index.ts";
import type { LiveEvents } from "../../core/event-stream/live.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { once } from "../../core/once.ts";
import { createApp } from "./app.ts";
import type { ApiDeps } from "./engine/dependencies.ts";
import type { ApiEnv } from "./engine/env.ts";

/**
 * Creates the app with its real dependencies, which open on first use. Calls `onLive` when a request first waits for
 * events. Throws `ConfigError`.
 */
export async function openApp(
  env: Record<string, string | undefined> = process.env,
  onLive: (live: LiveEvents) => void = () => undefined,
): Promise<Hono<ApiEnv>> {
  const config = readConfig(env);
  const { DATABASE_POOL: pool } = parseEnv(poolSchema, env);
  const wrapper = await createKeyWrapper(config);
  const db = openDatabase(required(config, "DATABASE_URL"), {
    pooler: config.DATABASE_POOLER,
    name: "switchboard-api",
    // API Gateway waits at most this long for a response.
    statementTimeoutMs: 30_000,
    max: pool ?? 1,
    // Without a pool size, this process is a Lambda function. It may use RDS Proxy, which shares sessions between
    // clients.
    prepare: pool !== undefined,
  });
  const log = createLogger("api", config.LOG_LEVEL);
  const live = once(async () => {
    const { LiveEvents, Listener } = await import("../../core/event-stream/index.ts");
    const opened = new LiveEvents(
      { db, clock: systemClock, log, wakeups: new Listener({ db, log }) },
      config.QUOTA_EVENT_STREAMS,
    );
    onLive(opened);
    return opened;
  });
  return createApp({
    config,
    db,
    vault: once(() => openVault(db, wrapper)),
    ...lazyDependencies(config),
    handOver: handOverOf(config),
    clock: systemClock,
    ids: systemIds,
    log,
    live,
  });
}

/**
 * Returns dependencies that open on first use. Many requests need none of them, and loading the AWS SDK takes longer than a
 * read.
 */
function lazyDependencies(config: Config): Pick<ApiDeps, "queues" | "storage" | "egress"> {
  const allow = config.EGRESS_ALLOW;
  const egress = once(async () => (await import("../../core/egress/index.ts")).createEgress({ allow }));
  const queues = once(async () => (await import("../../core/queue/index.ts")).openQueues(config));
  const storage = once(async () => (await import("../../core/storage/index.ts")).openStorage(config));
  return {
    queues: {
      send: async (...args) => (await queues()).send(...args),
      depth: async (...args) => (await queues()).depth(...args),
    },
    egress: { fetch: async (...args) => (await egress()).fetch(...args) },
    storage: {
      put: async (...args) => (await storage()).put(...args),
      head: async (...args) => (await storage()).head(...args),
      presign: async (...args) => (await storage()).presign(...args),
      presignPut: async (...args) => (await storage()).presignPut(...args),
    },
  };
}
