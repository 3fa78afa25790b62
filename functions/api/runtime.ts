import type { Hono } from "hono";
import { systemClock } from "../../core/clock.ts";
import { type Config, parseEnv, poolSchema, readConfig, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { openDatabase } from "../../core/db/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { once } from "../../core/once.ts";
import { createApp } from "./app.ts";
import type { ApiDeps } from "./engine/dependencies.ts";
import type { ApiEnv } from "./engine/env.ts";

/** Creates the app with its real dependencies, which open on first use. Throws `ConfigError`. */
export async function openApp(env: Record<string, string | undefined> = process.env): Promise<Hono<ApiEnv>> {
  const config = readConfig(env);
  const { DATABASE_POOL: pool } = parseEnv(poolSchema, env);
  const wrapper = await createKeyWrapper(config);
  const db = openDatabase(required(config, "DATABASE_URL"), {
    name: "switchboard-api",
    // The longest that API Gateway waits for an answer.
    statementTimeoutMs: 30_000,
    max: pool ?? 1,
    // Off without a pool size: a Lambda may be behind RDS Proxy, which shares sessions.
    prepare: pool !== undefined,
  });
  return createApp({
    config,
    db,
    vault: once(() => openVault(db, wrapper)),
    ...lazyDependencies(config),
    clock: systemClock,
    ids: systemIds,
    log: createLogger("api", config.LOG_LEVEL),
  });
}

/** Dependencies that many requests don't need. Loading the AWS SDK takes longer than answering a read, so the first user opens them. */
function lazyDependencies(config: Config): Pick<ApiDeps, "queues" | "storage" | "egress"> {
  const allow = config.EGRESS_ALLOW;
  const egress = once(async () => (await import("../../core/egress/index.ts")).createEgress({ allow }));
  const queues = once(async () => (await import("../../core/queue/index.ts")).openQueues(config));
  const storage = once(async () => (await import("../../core/storage/index.ts")).openStorage(config));
  return {
    queues: {
      send: async (...given) => (await queues()).send(...given),
      depth: async (...given) => (await queues()).depth(...given),
    },
    egress: { fetch: async (...given) => (await egress()).fetch(...given) },
    storage: {
      put: async (...given) => (await storage()).put(...given),
      head: async (...given) => (await storage()).head(...given),
      presign: async (...given) => (await storage()).presign(...given),
      presignPut: async (...given) => (await storage()).presignPut(...given),
    },
  };
}
